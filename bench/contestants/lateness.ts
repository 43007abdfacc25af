/** Collects how late timers come. */

export interface LatenessFigures {
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
  /** How much too early the earliest was. */
  readonly early: number;
}

/** Delays of so many different milliseconds: no two timers of a small number are due together. */
const LONGEST_MS = 500;
const STRIDE_MS = 193;

export class Lateness {
  private readonly late: number[] = [];

  /** @param done called when all `count` timers have come, with their figures in milliseconds */
  constructor(
    private readonly count: number,
    private readonly done: (figures: LatenessFigures) => void,
  ) {}

  /**
   * To be called for each timer, immediately before it is armed.
   * @returns its delay, and what must be called when it comes
   */
  next(index: number): { readonly delayMs: number; readonly came: () => void } {
    const delayMs = 1 + ((index * STRIDE_MS) % LONGEST_MS);
    const due = performance.now() + delayMs;
    return { delayMs, came: () => this.came(performance.now() - due) };
  }

  private came(lateMs: number): void {
    this.late.push(lateMs);
    if (this.late.length < this.count) return;
    const sorted = this.late.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
    this.done({ p50: at(0.5), p90: at(0.9), max: at(1), early: Math.max(0, -sorted[0]!) });
  }
}
