/** Scripts that once failed, as they were shrunk, and what each has found. They are played before all others. */
import type { Script } from './script.js';

const PLAIN = { allowHalfOpen: false, outbufferPolicy: 'close', isInputLimited: false, isLimited: false, isLocal: false } as const;

export const KEPT: readonly Script[] = [
  // The mux_eof that a close owes throws while the connection waits for its flush: it never ended.
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { when: 'mux_eof', of: 0, orders: ['throw'], to: 0 },
      { server: ['shutdown 1', 'close'], to: 0 },
    ],
  },
  // The same where the flush fails.
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { when: 'mux_eof', of: 0, orders: ['throw'], to: 0 },
      { server: ['pause'], to: 0 },
      { client: 0, does: 'reset' },
      { server: ['write', 'close'], to: 0 },
    ],
  },
  // A reset that waits for a paused reader, who then reads no more.
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { server: ['pause'], to: 0 },
      { client: 0, does: 'reset' },
      { server: ['shutdown 0'], to: 0 },
    ],
  },
  // The bytes of a connection that is taken out were missing in mux.stats(), but on the native engine.
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { client: 0, does: 'send', bytes: 7 },
      { server: ['write'], to: 0 },
      { server: ['remove'], to: 0 },
    ],
  },
  // The end of the loop took away the mux_eof that a close had promised, where the turn had no time for it before.
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { when: 'mux_input', of: 0, orders: ['flood', 'end loop', 'close', 'write'], to: 0 },
      { client: 0, does: 'send', bytes: 1 },
    ],
  },
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { server: ['flood', 'close', 'end loop'], to: 0 },
    ],
  },
  // On the pure-Node engine the loop ended before the timers that were due behind the group of callbacks in which it was told to.
  {
    ...PLAIN,
    steps: [
      { client: 1, does: 'connect' },
      { when: 'mux_input', of: 1, orders: ['end loop', 'timer'], to: 1 },
      { client: 1, does: 'send', bytes: 5 },
    ],
  },
  // Output goes before input, also where reading has just been resumed: a reset is told by the write that fails.
  {
    ...PLAIN,
    steps: [
      { client: 0, does: 'connect' },
      { server: ['pause'], to: 0 },
      { client: 0, does: 'reset' },
      { server: ['resume', 'write'], to: 0 },
    ],
  },
  // A refusal that is seen late, behind what a long turn has written: where nobody silent can be made, the time to connect was over first.
  {
    ...PLAIN,
    steps: [
      { open: 3, at: 'silence', orders: ['flood', 'write'] },
      { open: 2, at: 'silence', orders: ['flood', 'write'] },
      { client: 1, does: 'connect' },
      { client: 0, does: 'connect' },
    ],
  },
];
