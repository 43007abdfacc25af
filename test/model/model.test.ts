/**
 * Servers under scripts of any kind, against a reference that fits on two pages: connections come, send, finish and are reset, the
 * server writes, pauses, shuts down, closes, sets timers and throws, from outside and inside of every callback. The reference says for
 * each connection which callbacks come in which order, with how many bytes; all engines must say the same.
 *
 * NETMUX_MODEL_RUNS multiplies the number of scripts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { engines } from '../engines.js';
import { Reference, type Trace } from './reference.js';
import { type Script, script } from './script.js';
import { MemorySystem, SocketSystem, type System } from './system.js';

const FACTOR = Number(process.env.NETMUX_MODEL_RUNS ?? 1);

/** What once went wrong, as it was shrunk. */
const REGRESSIONS: readonly Script[] = [
  // The mux_eof that a close owes throws while the connection waits for its flush: it never ended.
  {
    allowHalfOpen: false,
    steps: [
      { client: 0, does: 'connect' },
      { when: 'mux_eof', of: 0, orders: ['throw'], to: 0 },
      { server: ['shutdown 1', 'close'], to: 0 },
    ],
  },
  // The same where the flush fails.
  {
    allowHalfOpen: false,
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
    allowHalfOpen: false,
    steps: [
      { client: 0, does: 'connect' },
      { server: ['pause'], to: 0 },
      { client: 0, does: 'reset' },
      { server: ['shutdown 0'], to: 0 },
    ],
  },
];

/** Plays a script on a system and on the reference. @throws an assertion where they differ */
async function play({ allowHalfOpen, steps }: Script, system: System): Promise<void> {
  const reference = new Reference(allowHalfOpen);
  // A client that has reset its connection has got what it has got.
  const seen = (connection: number, trace: Trace, delivered: number, isOver: boolean) =>
    reference.connections[connection]!.isPeerGone ? { trace: [...trace.lines] } : { trace: [...trace.lines], delivered, isOver };
  const expected = () => reference.connections.map((c, index) => seen(index, c.trace, c.delivered, c.isOver));
  const actual = () => system.traces.map((trace, index) => seen(index, trace, system.received(index), system.isOver(index)));
  const isThrough = () => JSON.stringify(actual()) === JSON.stringify(expected());
  for (const step of steps) {
    if (!reference.take(step)) continue;
    await system.take(step);
    await system.settle(isThrough);
    expect({ step, connections: actual() }).toEqual({ step, connections: expected() });
  }
  if (system instanceof SocketSystem) await system.fence();
  expect(actual()).toEqual(expected());
  const alive = reference.connections.filter(({ isAlive }) => isAlive).length;
  const { handles, closed } = system.stats;
  const closedInAll = Object.values(closed).reduce((sum, count) => sum + count, 0);
  expect(handles).toBe(alive);
  if (!(system instanceof SocketSystem)) expect(closedInAll).toBe(reference.accepted - alive); // the fence is a client, too
  system.askTheDead();
  await system.end();
  for (const [connection, { lines }] of system.traces.entries()) {
    if (lines.length === 0) continue;
    const counted = (callback: string) => lines.filter((line) => line.split(' ')[0] === callback).length;
    expect({ connection, first: lines[0], last: lines.at(-1) }).toEqual({ connection, first: 'mux_connection', last: 'mux_close' });
    expect([counted('mux_connection'), counted('mux_close')]).toEqual([1, 1]);
    expect(counted('mux_eof')).toBeLessThanOrEqual(1);
  }
  expect(system.offences).toEqual([]);
}

function check(open: (script: Script) => Promise<System>, numRuns: number) {
  const property = fc.asyncProperty(script, async (one) => {
    const system = await open(one);
    try {
      await play(one, system);
    } finally {
      await system.end();
    }
  });
  return fc.assert(property, {
    numRuns: numRuns * FACTOR,
    examples: REGRESSIONS.map((one) => [one]),
    interruptAfterTimeLimit: 60_000 * FACTOR,
  });
}

const TIMEOUT_MS = 120_000 * FACTOR;

describe('the model', () => {
  it('in memory', { timeout: TIMEOUT_MS }, () => check((one) => MemorySystem.open(one.allowHalfOpen), 300));

  it.each([...engines])('on the %s engine', { timeout: TIMEOUT_MS }, (engine) =>
    check((one) => SocketSystem.open(engine, one.allowHalfOpen), 25),
  );
});
