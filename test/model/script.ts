/** What a run of the model does: a list of steps, which shrinks well. */
import fc from 'fast-check';

export const CLIENTS = 2;

export const CALLBACKS = [
  'mux_connection',
  'mux_input',
  'mux_eof',
  'mux_close',
  'mux_timeout',
  'mux_outbuffer_empty',
  'mux_epipe',
  'mux_error',
] as const;

export type Callback = (typeof CALLBACKS)[number];

/** What a server does to a connection. The last two only mean something within a callback: 'leave' is to consume nothing in mux_input. */
export const ACTIONS = [
  ...(['write', 'kill output', 'pause', 'resume', 'shutdown 0', 'shutdown 1', 'close', 'abort', 'reset', 'timer', 'no timer'] as const),
  ...(['throw', 'leave'] as const),
] as const;

export type Action = (typeof ACTIONS)[number];

/** Client and connection have the same number: each client connects once. */
export type Step =
  | { readonly client: number; readonly does: 'connect' | 'finish' | 'reset' }
  | { readonly client: number; readonly does: 'send'; readonly bytes: number }
  /** From outside of any callback, one behind the other. */
  | { readonly server: readonly Action[]; readonly to: number }
  /** The next time that this callback of this connection runs, it does that to a connection. */
  | { readonly when: Callback; readonly of: number; readonly orders: readonly Action[]; readonly to: number };

export interface Script {
  readonly allowHalfOpen: boolean;
  readonly steps: readonly Step[];
}

/** How many bytes a 'write' of the server is. */
export const WRITTEN_BYTES = 100;

const client = fc.nat(CLIENTS - 1);
const orders = fc.array(fc.constantFrom(...ACTIONS), { minLength: 1, maxLength: 3 });
/** Most of what happens is input. */
const when = fc.oneof({ weight: 2, arbitrary: fc.constant('mux_input' as const) }, { weight: 5, arbitrary: fc.constantFrom(...CALLBACKS) });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ client, does: fc.constant('send' as const), bytes: fc.integer({ min: 1, max: 2000 }) }) },
  { weight: 2, arbitrary: fc.record({ client, does: fc.constantFrom('finish' as const, 'reset' as const) }) },
  { weight: 4, arbitrary: fc.record({ server: orders, to: client }) },
  { weight: 6, arbitrary: fc.record({ when, of: client, orders, to: client }) },
);

/** Everybody comes early, so that there is something to do; also behind what is planned for their `mux_connection`. */
export const script: fc.Arbitrary<Script> = fc
  .record({
    allowHalfOpen: fc.boolean(),
    others: fc.array(step, { maxLength: 25 }),
    connectAt: fc.tuple(...Array.from({ length: CLIENTS }, () => fc.nat(4))),
  })
  .map(({ allowHalfOpen, others, connectAt }) => {
    const steps = [...others];
    for (const [at, one] of connectAt.map((place, index) => [place, index] as const)) steps.splice(at, 0, { client: one, does: 'connect' });
    return { allowHalfOpen, steps };
  });

/** The byte that stands at a place of what a side sends: another place, or another side, has another one, nearly always. */
export function byteAt(side: number, place: number): number {
  return (side * 89 + place * 7 + (place >> 8) * 13) & 0xff;
}

export function bytesFrom(side: number, place: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => byteAt(side, place + index)));
}
