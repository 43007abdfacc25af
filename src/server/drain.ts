import { setTimeout as sleep } from 'node:timers/promises';
import { Ending } from '../mux/half-close.js';
import type { Handle } from '../mux/handle.js';
import type { Mux } from '../mux/mux.js';

/** How often a drain looks who is left, and closes its next connections. */
const TICK_MS = 10;

export interface DrainOptions {
  /** Seconds that unsent output is given. */
  readonly seconds: number;
  /** Connections that are closed per second; 0 = all at once. */
  readonly rate: number;
}

/**
 * Ends the connections of a multiplexer that there are at the beginning: input is thrown away, output is flushed; `mux_close` for
 * each, no `mux_eof`. Listeners and datagram sockets are not touched.
 */
export class Drain<Client> {
  readonly #mux: Mux<Client>;
  readonly #options: DrainOptions;
  readonly #wake = new AbortController();

  constructor(mux: Mux<Client>, options: DrainOptions) {
    this.#mux = mux;
    this.#options = options;
  }

  /** What is not flushed by now is dropped. */
  hurry(): void {
    this.#wake.abort();
  }

  /** Resolves when the last one is closed. */
  async run(): Promise<void> {
    const { seconds, rate } = this.#options;
    const { signal } = this.#wake;
    const deadline = performance.now() + 1000 * seconds;
    const due = this.#mux.handles().filter((fh) => !this.#mux.isUdp(fh));
    let open = due;
    let next = 0;
    let allowance = 0;
    let before = performance.now() - TICK_MS;
    while (!signal.aborted && performance.now() < deadline) {
      const now = performance.now();
      // A loop that was held up does not make up for it: the pace is there to spare those who are connected to next.
      allowance += rate === 0 ? due.length : (rate * Math.min(now - before, 2 * TICK_MS)) / 1000;
      before = now;
      for (; next < due.length && allowance >= 1; next += 1, allowance -= 1) finish(due[next]!);
      open = open.filter((fh) => !fh.closed);
      if (open.length === 0) return;
      await sleep(TICK_MS, undefined, { signal }).catch(() => {});
    }
    for (const fh of open) this.#mux.close(fh);
  }
}

/** Ends one connection as `Mux.endLoop` does. */
function finish(fh: Handle): void {
  if (fh.slot >= 0) fh.mux.dispatcher.lifecycle.end(fh, Ending.Finish);
}
