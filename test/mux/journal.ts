import type { Handle, InputBuffer, MuxCallbacks } from '../../src/index.js';

/** Longer texts are shown by their length: what matters of 8 MB is how many they are. */
const SHOWN_BYTES = 60;

/** How long `until` waits: far more than any turn takes, less than the time limit of a test, so that the log is shown. */
const PATIENCE_MS = 10_000;

interface Waiter {
  readonly line: string;
  readonly times: number;
  readonly resolve: () => void;
}

/**
 * What happened, one line for each callback, in order: `mux_input c1 "abc"`. Connections are named c1, c2 … in the
 * order in which `mux_connection` announced them; other handles get a name from the test.
 */
export class Journal {
  readonly lines: string[] = [];
  readonly #names = new Map<Handle, string>();
  #waiters: Waiter[] = [];
  #connections = 0;

  add(line: string): void {
    this.lines.push(line);
    this.#waiters = this.#waiters.filter((waiter) => {
      const come = this.count(waiter.line) >= waiter.times;
      if (come) waiter.resolve();
      return !come;
    });
  }

  count(line: string): number {
    return this.lines.filter((candidate) => candidate === line).length;
  }

  /** Resolves when the line has come `times` times. What came before the call counts. */
  until(line: string, times = 1): Promise<void> {
    if (this.count(line) >= times) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`waited for ${JSON.stringify(line)} × ${times}; the log is:\n  ${this.lines.join('\n  ')}`));
      }, PATIENCE_MS);
      this.#waiters.push({
        line,
        times,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  /** Gives a handle the name under which it appears. */
  name(fh: Handle, name: string): void {
    this.#names.set(fh, name);
  }

  /** A handle that nobody has named is a bug of the test or of the library: it must not look like any other. */
  nameOf(fh: Handle): string {
    return this.#names.get(fh) ?? 'STRANGER';
  }

  handleOf(name: string): Handle {
    for (const [fh, known] of this.#names) if (known === name) return fh;
    throw new Error(`nobody is called ${name}`);
  }

  /** Names a connection on its `mux_connection`; an outgoing one has its name already. */
  announce(fh: Handle): string {
    if (!this.#names.has(fh)) {
      this.#connections += 1;
      this.#names.set(fh, `c${this.#connections}`);
    }
    return this.nameOf(fh);
  }
}

/** How input appears in the log. */
export function shown(data: InputBuffer | Buffer): string {
  return data.length > SHOWN_BYTES ? `${data.length} bytes` : JSON.stringify(data.toString('latin1'));
}

/**
 * A callback object that writes a line for each callback and then does what `steps` says. Without a step, `mux_input`
 * consumes everything. `mux_outbuffer_empty` is there only when `steps` has it, as its presence changes what an engine reports.
 */
export function recorder(journal: Journal, steps: MuxCallbacks = {}): MuxCallbacks {
  const callbacks: MuxCallbacks = {
    mux_connection(mux, fh) {
      journal.add(`mux_connection ${journal.announce(fh)}`);
      return steps.mux_connection?.(mux, fh);
    },
    mux_input(mux, fh, data) {
      journal.add(`mux_input ${journal.nameOf(fh)} ${shown(data)}`);
      if (steps.mux_input !== undefined) return steps.mux_input(mux, fh, data);
      data.consume();
      return undefined;
    },
    mux_eof(mux, fh, data) {
      journal.add(`mux_eof ${journal.nameOf(fh)} ${shown(data)}`);
      return steps.mux_eof?.(mux, fh, data);
    },
    mux_close(mux, fh) {
      journal.add(`mux_close ${journal.nameOf(fh)}`);
      return steps.mux_close?.(mux, fh);
    },
    mux_timeout(mux, fh) {
      journal.add(`mux_timeout ${journal.nameOf(fh)}`);
      return steps.mux_timeout?.(mux, fh);
    },
    mux_epipe(mux, fh) {
      journal.add(`mux_epipe ${journal.nameOf(fh)}`);
      return steps.mux_epipe?.(mux, fh);
    },
    mux_error(mux, fh, error) {
      journal.add(`mux_error ${journal.nameOf(fh)} ${errorText(error)}`);
      return steps.mux_error?.(mux, fh, error);
    },
  };
  if (steps.mux_outbuffer_empty !== undefined) {
    callbacks.mux_outbuffer_empty = (mux, fh) => {
      journal.add(`mux_outbuffer_empty ${journal.nameOf(fh)}`);
      return steps.mux_outbuffer_empty?.(mux, fh);
    };
  }
  return callbacks;
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as { code?: string }).code ?? error.message;
}
