/** What a run of the model does: a list of steps, which shrinks well. */
import fc from 'fast-check';
import type { MuxCallbacks } from '../../src/index.js';

/**
 * The connections of a script, by number. Each comes once. The first two are accepted and may act on each other; the third is
 * one that the server opens, the fourth a descriptor that it takes over (where there are none it opens that one, too). When they come
 * about is the kernel's business, so they act on themselves only.
 */
export const GROUPS = [[0, 1], [2], [3]] as const;
export const CONNECTIONS = 4;
export const OUTGOING = 2;
export const FOREIGN = 3;

export const CALLBACKS = [
  'mux_connection',
  'mux_input',
  'mux_eof',
  'mux_close',
  'mux_timeout',
  'mux_outbuffer_empty',
  'mux_epipe',
  'mux_refused',
  'mux_error',
] as const satisfies readonly (keyof MuxCallbacks)[];

export type Callback = (typeof CALLBACKS)[number];

/**
 * What a server does to a connection. 'flood' is a write that fits into no kernel's buffers: how long it takes nobody knows, so no timer is due
 * meanwhile. 'ask' is all that changes nothing. The last
 * three only mean something within a callback: 'reject' is to return a promise that is rejected, 'leave' to consume nothing in mux_input.
 */
export const ACTIONS = [
  ...(['write', 'flood', 'kill output', 'replace output', 'pause', 'resume', 'shutdown 0', 'shutdown 1', 'close'] as const),
  ...(['abort', 'reset', 'remove', 'timer', 'later timer', 'no timer', 'end loop', 'dispose', 'ask'] as const),
  ...(['throw', 'reject', 'leave'] as const),
] as const;

export type Action = (typeof ACTIONS)[number];

export type Step =
  | { readonly client: number; readonly does: 'connect' | 'finish' | 'reset' | 'stop reading' | 'read on' }
  | { readonly client: number; readonly does: 'send'; readonly bytes: number }
  /** The server connects, to who listens, to nobody, or to one who never answers; what follows comes before there is a connection. */
  | { readonly open: number; readonly at: 'listener' | 'nobody' | 'silence'; readonly orders: readonly Action[] }
  /** From outside of any callback, one behind the other. */
  | { readonly server: readonly Action[]; readonly to: number }
  /** The next time that this callback of this connection runs, it does that to a connection. */
  | { readonly when: Callback; readonly of: number; readonly orders: readonly Action[]; readonly to: number };

/** Options of the multiplexer. */
export interface Settings {
  readonly allowHalfOpen: boolean;
  /** Whether a second flood, on top of one that is stuck, ends the connection, or is only refused. */
  readonly outbufferPolicy: 'close' | 'drop';
  /** Whether what is left unread has a limit. */
  readonly isInputLimited: boolean;
  /** Whether only one connection is let in at a time. */
  readonly isLimited: boolean;
  /** Whether all are UNIX sockets, and not TCP. */
  readonly isLocal: boolean;
}

export interface Script extends Settings {
  readonly steps: readonly Step[];
}

/** How many bytes a 'write' of the server is. */
export const WRITTEN_BYTES = 100;

/** The most that a client sends in one piece, which is read in one piece. */
const SENT_BYTES = 2000;

/** What is too long to be read in one piece. */
export const POURED_BYTES = 200_000;

/** The limit of unread input, where there is one: a few pieces. */
export const INBUFFER_BYTES = 3000;

const orders = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...ACTIONS.filter((action) => action !== 'end loop' && action !== 'dispose')) },
    { weight: 2, arbitrary: fc.constantFrom('write' as const, 'flood' as const) },
    { weight: 1, arbitrary: fc.constantFrom('end loop' as const, 'dispose' as const) },
  ),
  { minLength: 1, maxLength: 4 },
);
/** Most of what happens is input. */
const when = fc.oneof({ weight: 2, arbitrary: fc.constant('mux_input' as const) }, { weight: 5, arbitrary: fc.constantFrom(...CALLBACKS) });
const client = fc.nat(CONNECTIONS - 1);
const bytes = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: SENT_BYTES }) },
  { weight: 1, arbitrary: fc.constant(POURED_BYTES) },
);
const at = fc.oneof(
  { weight: 6, arbitrary: fc.constant('listener' as const) },
  { weight: 1, arbitrary: fc.constantFrom('nobody' as const, 'silence' as const) },
);
/** Who acts on whom. */
const pair = fc.constantFrom(...GROUPS.flatMap((group) => group.flatMap((of) => group.map((to) => ({ of, to })))));

/** Which comes first, a timer that is due at once or the flush of what was written with it, is open where a connection has just been made. */
const untimed = (orders: readonly Action[]) => orders.map((action) => (action === 'timer' ? 'later timer' : action));

const plan = fc.record({ when, orders, pair }).map(({ when, orders, pair: { of, to } }) => ({
  when,
  of,
  orders: when === 'mux_connection' && of >= OUTGOING ? untimed(orders) : orders,
  to,
}));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ client, does: fc.constant('send' as const), bytes }) },
  { weight: 3, arbitrary: fc.record({ client, does: fc.constantFrom('finish' as const, 'reset' as const) }) },
  { weight: 2, arbitrary: fc.record({ client, does: fc.constantFrom('stop reading' as const, 'read on' as const) }) },
  { weight: 5, arbitrary: fc.record({ server: orders, to: client }) },
  { weight: 7, arbitrary: plan },
);

/** Everybody comes early, so that there is something to do; also behind what is planned for their `mux_connection`. */
export const script: fc.Arbitrary<Script> = fc
  .record({
    allowHalfOpen: fc.boolean(),
    outbufferPolicy: fc.constantFrom('close' as const, 'drop' as const),
    isInputLimited: fc.boolean(),
    isLimited: fc.integer({ min: 0, max: 3 }).map((one) => one === 3),
    isLocal: fc.integer({ min: 0, max: 2 }).map((one) => one === 2),
    others: fc.array(step, { maxLength: 25 }),
    arrivals: fc.tuple(...Array.from({ length: CONNECTIONS }, () => fc.nat(5))),
    at,
    early: fc.array(orders, { maxLength: 1 }),
  })
  .map(({ others, arrivals, at, early, ...settings }) => {
    const steps = [...others];
    for (const [one, place] of arrivals.entries()) {
      const arrival: Step = one < OUTGOING ? { client: one, does: 'connect' } : { open: one, at, orders: untimed(early.flat()) };
      steps.splice(place, 0, arrival);
    }
    return { ...settings, steps };
  });

/** No power of two, so that no block of one looks like the next. */
const PERIOD = 655 * WRITTEN_BYTES;

/** Text, in lines of what is written at a time, so that it can be written in all ways. */
const pattern = Buffer.from(
  Uint8Array.from({ length: PERIOD }, (_, place) =>
    place % WRITTEN_BYTES === WRITTEN_BYTES - 1 ? 0x0a : 0x20 + ((Math.imul(place + 1, 0x9e3779b1) >>> 13) % 0x5f),
  ),
);

/** The bytes that stand at a place of what a side sends: another place, or another side, has others. */
export function bytesFrom(side: number, place: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const begin = side * 79 * WRITTEN_BYTES + place;
  for (let at = 0; at < length; ) at += pattern.copy(bytes, at, (begin + at) % PERIOD);
  return bytes;
}
