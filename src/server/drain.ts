import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Ending } from '../mux/half-close.js';
import type { Handle } from '../mux/handle.js';
import type { Mux } from '../mux/mux.js';

/** How often a drain looks who is left, and closes its next connections. */
const TICK_MS = 10;

const MS_PER_SECOND = 1000;

/** In place of the bytes of a connection that is due already. */
const FOUND = -1;

export interface DrainOptions {
  /** Seconds that unsent output is given. */
  readonly seconds: number;
  /** Connections that are closed per second; 0 = all at once. */
  readonly rate: number;
  /**
   * Seconds without traffic after which a connection counts as through with what it does, and is ended: until then it is served.
   * Default 0: all are ended at once.
   */
  readonly quiet?: number;
  /** Whom to spare as long as there is time: a client that is being decided about is quiet, too. */
  readonly spared?: (fh: object) => boolean;
}

/**
 * Ends the connections of a multiplexer that there are at the beginning: input is thrown away, output is flushed; `mux_close` for
 * each, no `mux_eof`. Listeners and datagram sockets are not touched.
 */
export class Drain<Client> {
  readonly #mux: Mux<Client>;
  readonly #options: Required<DrainOptions>;
  readonly #wake = new AbortController();
  #isCancelled = false;
  /** Who is to be ended next. */
  #due: Handle<Client>[] = [];
  /** The bytes that a connection had moved when it was looked at last. */
  readonly #traffic = new Map<Handle<Client>, number>();

  constructor(mux: Mux<Client>, options: DrainOptions) {
    this.#mux = mux;
    this.#options = { quiet: 0, spared: () => false, ...options };
  }

  /** What is not flushed by now is dropped. */
  hurry(): void {
    this.#wake.abort();
  }

  /** Leaves those who are left to somebody else. */
  cancel(): void {
    this.#isCancelled = true;
    this.#wake.abort();
  }

  /** Resolves when the last one is closed and, but for what takes too long, has got all that was sent. */
  async run(): Promise<void> {
    const { seconds, rate, quiet } = this.#options;
    const { signal } = this.#wake;
    const start = performance.now();
    const deadline = start + MS_PER_SECOND * seconds;
    let open = this.#mux.handles().filter((fh) => !this.#mux.isUdp(fh));
    let nextLook = start;
    let allowance = 0;
    let before = start - TICK_MS;
    while (!signal.aborted && performance.now() < deadline) {
      const now = performance.now();
      if (now >= nextLook) {
        // A loop that was held up comes to its timers before it reads what has arrived meanwhile.
        if (quiet > 0) await nextTurn();
        this.#look(open);
        nextLook = quiet === 0 ? Number.POSITIVE_INFINITY : now + MS_PER_SECOND * quiet;
      }
      // A loop that was held up does not make up for it: the pace is there to spare those who are connected to next.
      if (this.#due.length === 0) allowance = 0;
      allowance += rate === 0 ? this.#due.length : (rate * Math.min(now - before, 2 * TICK_MS)) / MS_PER_SECOND;
      before = now;
      const count = Math.min(Math.floor(allowance), this.#due.length);
      for (const fh of this.#due.splice(0, count)) finish(fh);
      allowance -= count;
      open = open.filter((fh) => !fh.closed);
      if (open.length === 0 && (quiet === 0 || this.#mux.dispatcher.engine.lingering === 0)) return;
      await sleep(TICK_MS, undefined, { signal }).catch(() => {});
    }
    if (this.#isCancelled) return;
    for (const fh of open) {
      if (quiet > 0) finish(fh); // who was served to the last owes nobody anything
      if (!fh.closed) this.#mux.close(fh);
    }
  }

  /** Finds who is to be ended: who has moved nothing since the last time, or just everybody. */
  #look(open: readonly Handle<Client>[]): void {
    const { quiet, spared } = this.#options;
    if (quiet === 0) {
      this.#due = [...open];
      return;
    }
    for (const fh of open) {
      const before = this.#traffic.get(fh);
      if (before === FOUND) continue;
      const traffic = fh.bytesRead + fh.bytesWritten;
      if (spared(fh)) {
        this.#traffic.delete(fh); // its time begins when it is spared no more
        continue;
      }
      const isThrough = before === traffic;
      this.#traffic.set(fh, isThrough ? FOUND : traffic);
      if (isThrough) this.#due.push(fh);
    }
  }
}

/** Ends one connection as `Mux.endLoop` does. */
function finish<Client>(fh: Handle<Client>): void {
  if (fh.slot >= 0) fh.mux.dispatcher.lifecycle.end(fh as Handle, Ending.Finish);
}
