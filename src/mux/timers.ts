import { CommandKind, type CommandRing, type Engine } from '../engine/engine.js';
import { NetmuxTypeError, shown } from '../errors.js';

const MS_PER_SECOND = 1000;

/** Times are int32 and compared by signed difference, so a deadline may lie less than 2^31 ms ahead; half of it leaves room for delays. */
const MAX_DELAY_MS = 2 ** 30;

/**
 * One timer per slot, kept in two shared words. `deadline` says when it is due, `wheelDue` when the engine looks next:
 * moving a timer later, what every idle timeout does with every message, is one store.
 */
export class Timers {
  readonly #engine: Engine;
  readonly #ring: CommandRing;
  readonly #clock: Float64Array;
  readonly #deadline: Int32Array;
  readonly #wheelDue: Int32Array;
  /** By slot: when a timer is due that lies further ahead than the words can tell. */
  readonly #far = new Map<number, number>();
  /** Whether callbacks of a batch run: then the shared clock is good enough, and costs no call. */
  inBatch = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#ring = engine.ring;
    this.#clock = engine.memory.clock;
    this.#deadline = engine.memory.deadline;
    this.#wheelDue = engine.memory.wheelDue;
  }

  /** Milliseconds since the engine's origin: of the current group of callbacks, outside a batch of this moment. */
  now(): number {
    return this.inBatch ? this.#clock[0]! : this.#engine.now();
  }

  /** Called every few records, so that a long batch does not date its timers back. */
  refresh(): void {
    this.#clock[0] = this.#engine.now();
  }

  /**
   * Sets the slot's timer, in place of the one it may have.
   * @param ms at least 0; 0 is due at the end of the current turn
   */
  set(slot: number, ms: number): void {
    this.setAt(slot, ms === 0 ? Math.floor(this.now()) : this.now() + ms);
  }

  /** @param due milliseconds since the engine's origin */
  setAt(slot: number, due: number): void {
    const latest = this.now() + MAX_DELAY_MS;
    if (due > latest) {
      this.#far.set(slot, due);
      this.#arm(slot, Math.ceil(latest) | 0);
    } else {
      if (this.#far.size > 0) this.#far.delete(slot);
      this.#arm(slot, Math.ceil(due) | 0);
    }
  }

  /** The wheel forgets the slot when it next looks at it. */
  cancel(slot: number): void {
    this.#deadline[slot] = 0;
    if (this.#far.size > 0) this.#far.delete(slot);
  }

  /**
   * Takes note that the wheel reported the slot.
   * @returns whether its timer is due; it is then no longer set
   */
  take(slot: number): boolean {
    const deadline = this.#deadline[slot]!;
    if (deadline === 0) return false;
    // A callback earlier in this batch may have moved it: then it stands in the ring, and comes again.
    if (this.#wheelDue[slot] !== 0 && ((deadline - Math.floor(this.now())) | 0) > 0) return false;
    const far = this.#far.size > 0 ? this.#far.get(slot) : undefined;
    if (far !== undefined && far > this.now()) {
      this.setAt(slot, far);
      return false;
    }
    this.cancel(slot);
    return true;
  }

  /** Reports a timer again that came due while nobody was allowed to hear of it. */
  rearm(slot: number): void {
    const deadline = this.#deadline[slot]!;
    if (deadline !== 0 && this.#wheelDue[slot] === 0) this.#arm(slot, deadline);
  }

  #arm(slot: number, wrapped: number): void {
    const deadline = wrapped === 0 ? 1 : wrapped; // 0 means that there is no timer
    this.#deadline[slot] = deadline;
    const looks = this.#wheelDue[slot]!;
    if (looks !== 0 && ((deadline - looks) | 0) >= 0) return;
    this.#wheelDue[slot] = deadline;
    this.#ring.command(CommandKind.Arm, slot);
  }
}

/**
 * Checks a user's delay.
 * @param seconds fractions are allowed; null = no timer
 * @returns milliseconds
 */
export function checkedDelay(seconds: number | null): number | null {
  if (seconds === null) return null;
  if (typeof seconds !== 'number' || !(seconds >= 0) || seconds === Number.POSITIVE_INFINITY) {
    throw new NetmuxTypeError(`setTimeout: seconds must be a number from 0 on, or null for no timer, not ${shown(seconds)}`);
  }
  return seconds * MS_PER_SECOND;
}
