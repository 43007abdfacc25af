import { Expiry, LimitWord } from '../../native/contract.js';

/** The minimum byte rate is judged over this time, and not at all where a callback has stretched it to that. As in the native core. */
const RATE_WINDOW_MS = 5_000;
const STRETCHED_WINDOW_MS = 6_000;

/** What is known of a connection when it is looked at. */
export interface Present {
  readonly paused: boolean;
  /** A message has begun, or output waits. */
  readonly unfinished: boolean;
  readonly received: number;
  readonly sent: number;
}

/** How long one connection may take: the counterpart of `native/time_limits.h`. Times are Int32 milliseconds that wrap. */
export class TimeWatch {
  /** The poll of the kernel behind which it seemed to stand still; 0 = it did not. */
  suspectedIn = 0;
  readonly #words: Float64Array;
  readonly #opened: number;
  #active: number;
  #resumed: number;
  /** When the present window of the byte rate began, and how it was then. */
  #sampled: number;
  #sampledBytes = 0;
  #unfinished = false;

  constructor(words: Float64Array, now: number) {
    this.#words = words;
    this.#opened = now;
    this.#active = now;
    this.#resumed = now;
    this.#sampled = now;
  }

  /** Whether a listener's limits have any of time. */
  static isNeeded(words: Float64Array): boolean {
    return [LimitWord.FirstByteMs, LimitWord.IdleMs, LimitWord.LifetimeMs, LimitWord.MinByteRate].some((word) => words[word]! > 0);
  }

  /** Bytes were received or sent. */
  moved(now: number): void {
    this.#active = now;
    this.suspectedIn = 0;
  }

  /** The application reads again: the time before is not the peer's fault. */
  resumed(now: number): void {
    this.#resumed = now;
  }

  /** @returns the limit that is reached, and when to look again; 0 = never */
  look(present: Present, now: number): { readonly reached: Expiry; readonly next: number } {
    const words = this.#words;
    let next = 0;
    let reached = Expiry.None;
    const consider = (which: Expiry, due: number) => {
      if (((now - due) | 0) >= 0) {
        if (reached === Expiry.None) reached = which;
      } else if (next === 0 || ((due - next) | 0) < 0) {
        next = due === 0 ? 1 : due;
      }
    };
    if (present.paused) this.#resumed = now;
    const lifetime = words[LimitWord.LifetimeMs]!;
    if (lifetime > 0) consider(Expiry.Lifetime, (this.#opened + lifetime) | 0);
    const firstByte = words[LimitWord.FirstByteMs]!;
    if (firstByte > 0 && present.received === 0) {
      consider(Expiry.FirstByte, (laterOf(this.#opened, this.#resumed) + firstByte) | 0);
    }
    const idle = words[LimitWord.IdleMs]!;
    if (idle > 0) consider(Expiry.Idle, (laterOf(this.#active, this.#resumed) + idle) | 0);
    const rate = words[LimitWord.MinByteRate]!;
    if (rate > 0) {
      if (reached === Expiry.None && this.#isSlow(rate, present, now)) reached = Expiry.Slow;
      consider(Expiry.Slow, (this.#sampled + RATE_WINDOW_MS) | 0);
    }
    return { reached, next };
  }

  /** Ends the window if its time has come. Only a message that was unfinished in all of it is judged. */
  #isSlow(rate: number, present: Present, now: number): boolean {
    const length = (now - this.#sampled) | 0;
    if (length < RATE_WINDOW_MS) return false;
    const bytes = present.received + present.sent;
    const judged = length < STRETCHED_WINDOW_MS && this.#unfinished && present.unfinished && ((this.#resumed - this.#sampled) | 0) <= 0;
    const isSlow = judged && bytes - this.#sampledBytes < (rate * length) / 1000;
    this.#sampled = now;
    this.#sampledBytes = bytes;
    this.#unfinished = present.unfinished;
    return isSlow;
  }
}

function laterOf(a: number, b: number): number {
  return ((b - a) | 0) > 0 ? b : a;
}
