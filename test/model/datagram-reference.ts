/** What a datagram socket is to tell: each datagram once, whole, with its sender; what is thrown costs nobody anything. */
import fc from 'fast-check';

export const PEERS = 2;

export const DATAGRAM_CALLBACKS = ['mux_input', 'mux_timeout', 'mux_error', 'mux_close'] as const;
export type DatagramCallback = (typeof DATAGRAM_CALLBACKS)[number];

/** 'answer' is to write, which goes to the last sender; the numbers are whom it is sent to. */
const ACTIONS = [
  ...(['answer', 'send 0', 'send 1', 'pause', 'resume', 'shutdown 0', 'shutdown 1', 'close', 'abort', 'timer', 'no timer'] as const),
  ...(['throw', 'reject', 'leave'] as const),
] as const;
export type DatagramAction = (typeof ACTIONS)[number];

export type DatagramStep =
  | { readonly peer: number; readonly bytes: number }
  | { readonly server: readonly DatagramAction[] }
  | { readonly when: DatagramCallback; readonly orders: readonly DatagramAction[] };

/** What IPv4 leaves of 64 KiB. */
const LARGEST_BYTES = 65_507;
const SMALL_BYTES = 1000;

/** So many wait in a kernel without being lost. */
const MAX_HELD = 5;

/** How long an answer is. */
export const ANSWER_BYTES = 10;

const orders = fc.array(fc.constantFrom(...ACTIONS), { minLength: 1, maxLength: 3 });
/** Those that were read together are all presented, whether or not the first one's callback pauses. */
const neverPausing = (orders: readonly DatagramAction[]) => orders.map((action) => (action === 'pause' ? 'timer' : action));

export const datagramScript: fc.Arbitrary<readonly DatagramStep[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ peer: fc.nat(PEERS - 1), bytes: fc.integer({ min: 0, max: SMALL_BYTES }) }) },
    { weight: 1, arbitrary: fc.record({ peer: fc.nat(PEERS - 1), bytes: fc.constantFrom(0, LARGEST_BYTES) }) },
    { weight: 4, arbitrary: fc.record({ server: orders }) },
    { weight: 4, arbitrary: fc.record({ when: fc.constantFrom(...DATAGRAM_CALLBACKS), orders: orders.map(neverPausing) }) },
  ),
  { maxLength: 20 },
);

export class DatagramReference {
  readonly trace: string[] = [];
  /** How many answers each peer has got. */
  readonly answered = new Array<number>(PEERS).fill(0);
  isAlive = true;
  /** Bytes that were presented: all that were read, where none are held. */
  bytesRead = 0;
  bytesWritten = 0;
  readonly #plans = new Map<DatagramCallback, (readonly DatagramAction[])[]>();
  readonly #areRejectionsLast: boolean;
  #isPaused = false;
  #hasTimer = false;
  #lastSender: number | undefined;
  #held: { readonly peer: number; readonly bytes: number }[] = [];
  /** Promises that were rejected: each is an error when the group of callbacks is through. */
  #errors = 0;

  /** @param areRejectionsLast whether promises are looked at when all is quiet, not behind each group of callbacks */
  constructor(areRejectionsLast: boolean) {
    this.#areRejectionsLast = areRejectionsLast;
  }

  get held(): number {
    return this.#held.length;
  }

  /** @returns false for a step that nobody takes */
  take(step: DatagramStep): boolean {
    if ('when' in step) {
      this.#plans.set(step.when, [...(this.#plans.get(step.when) ?? []), step.orders]);
    } else if (!this.isAlive || ('peer' in step && this.#isPaused && (this.held >= MAX_HELD || step.bytes > SMALL_BYTES))) {
      return false;
    } else if ('peer' in step) {
      this.#held.push(step);
    } else {
      for (const action of step.server) this.#act(action);
    }
    this.#settle();
    return true;
  }

  #settle(): void {
    for (;;) {
      if (this.#errors > 0 && this.isAlive && !this.#areRejectionsLast) this.#reject();
      else if (this.#held.length > 0 && !this.#isPaused && this.isAlive) for (const next of this.#held.splice(0)) this.#present(next);
      else if (this.#hasTimer && this.isAlive) this.#timeOut();
      else if (this.#errors > 0 && this.isAlive) this.#reject();
      else return;
    }
  }

  #reject(): void {
    this.#errors -= 1;
    this.#emit('mux_error', 'mux_error');
  }

  #timeOut(): void {
    this.#hasTimer = false;
    this.#emit('mux_timeout', 'mux_timeout');
  }

  #present(datagram: { readonly peer: number; readonly bytes: number }): void {
    if (!this.isAlive) {
      this.#held.push(datagram); // read together with the one whose callback has closed the socket, or not
      return;
    }
    const { peer, bytes } = datagram;
    this.#lastSender = peer;
    this.bytesRead += bytes;
    this.#emit('mux_input', `mux_input ${bytes} from ${peer}`);
  }

  #emit(callback: DatagramCallback, line: string): void {
    this.trace.push(line);
    const orders = this.#plans.get(callback)?.shift() ?? [];
    const isTold = callback === 'mux_input' || callback === 'mux_timeout'; // what goes wrong in the others is told to nobody
    for (const action of orders) {
      if (action === 'throw') {
        if (isTold && this.isAlive) this.#emit('mux_error', 'mux_error'); // the socket stays
        return;
      }
      this.#act(action);
    }
    if (isTold && orders.includes('reject')) this.#errors += 1;
  }

  #act(action: DatagramAction): void {
    if (!this.isAlive) return;
    if (action === 'answer') this.#answer(this.#lastSender);
    else if (action === 'send 0' || action === 'send 1') this.#answer(Number(action.at(-1)));
    else if (action === 'pause' || action === 'resume') this.#isPaused = action === 'pause';
    else if (action === 'timer' || action === 'no timer') this.#hasTimer = action === 'timer';
    else if (action === 'close' || action === 'abort') {
      this.isAlive = false;
      this.#emit('mux_close', 'mux_close');
    }
  }

  #answer(to: number | undefined): void {
    if (to === undefined) return; // nobody has written yet
    this.answered[to]! += 1;
    this.bytesWritten += ANSWER_BYTES;
  }
}
