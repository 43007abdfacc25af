/** What the clock shows at the beginning. Not 0, which stands for no timer. */
const ORIGIN_MS = 1_000;

interface Alarm {
  readonly due: number;
  readonly call: () => void;
}

/** A clock that goes when it is told to. */
export class MemoryClock {
  now_ms = ORIGIN_MS;
  readonly #alarms = new Set<Alarm>();

  /** Calls once, so many milliseconds from now. @returns a function that takes the order back */
  after(ms: number, call: () => void): () => void {
    const alarm = { due: this.now_ms + ms, call };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /**
   * Goes on to the next time at which something is due, at the latest to `end`. What is due already was set again when its time had
   * come: it waits for a millisecond, or time would stand still.
   * @param timer when the next timer is due, in int32 milliseconds that wrap; undefined where there is none
   * @returns false where nothing is due until then; the clock shows `end`
   */
  goTo(end: number, timer: number | undefined): boolean {
    const times = [...this.#alarms].map(({ due }) => due);
    const whole = Math.floor(this.now_ms);
    if (timer !== undefined) times.push(whole + ((timer - whole) | 0));
    const earliest = Math.min(...times);
    const next = earliest > this.now_ms ? earliest : this.now_ms + 1;
    if (times.length === 0 || next > end) {
      this.now_ms = end;
      return false;
    }
    this.now_ms = next;
    for (const alarm of [...this.#alarms]) {
      if (alarm.due <= this.now_ms && this.#alarms.delete(alarm)) alarm.call();
    }
    return true;
  }
}
