import type { Timers } from './reactor/timers.js';

/** What the alarm asks of the reactor. */
interface Clockwork {
  now(): number;
  turn(): void;
}

/**
 * One timer of Node's for the timers of all handles. Due ones are delivered in the phase after Node has polled
 * (`setImmediate`), so input that came before a deadline is reported before the timer, as the contract wants it.
 */
export class NodeAlarm {
  readonly #timers: Timers;
  readonly #reactor: Clockwork;
  #timeout: NodeJS.Timeout | undefined;
  #due = 0;
  #immediate: NodeJS.Immediate | undefined;
  /** How often Node has polled while somebody wanted to know. */
  #polls = 1;
  #polling: NodeJS.Immediate | undefined;

  constructor(timers: Timers, reactor: Clockwork) {
    this.#timers = timers;
    this.#reactor = reactor;
  }

  /**
   * Looks at the earliest entry and sees to it that its time is noticed.
   * @param polled whether Node has just polled: a turn is over. What came due in it is not left to Node's own timers,
   *   which would poll for new input first; what came due elsewhere is.
   */
  set(polled: boolean): void {
    const due = this.#timers.earliest;
    if (due === undefined || this.#immediate !== undefined || this.#timers.delivering) return;
    const left_ms = (due - Math.floor(this.#reactor.now())) | 0;
    if (polled && left_ms <= 0) {
      this.#deliverSoon();
      return;
    }
    if (this.#timeout !== undefined && ((this.#due - due) | 0) <= 0) return;
    clearTimeout(this.#timeout);
    this.#due = due;
    const wait_ms = Math.max(1, left_ms); // Node warns of negative ones
    this.#timeout = setTimeout(() => {
      this.#timeout = undefined;
      this.#deliverSoon();
    }, wait_ms).unref();
  }

  /** A number that is another one when Node has polled again. */
  presentPoll(): number {
    // From the phase after polling it runs in the next one.
    this.#polling ??= setImmediate(() => {
      this.#polling = undefined;
      this.#polls += 1;
    });
    return this.#polls;
  }

  #deliverSoon(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#timers.begin();
      this.#reactor.turn();
    });
  }
}
