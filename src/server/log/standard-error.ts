import { LineWriter } from './line-writer.js';
import type { LogTarget } from './target.js';

/**
 * The standard error output. Not through `process.stderr`: a reader that goes away would make it emit an error that ends the process.
 */
export class StandardErrorTarget implements LogTarget {
  readonly name = 'standard error';
  readonly #descriptor: number;
  readonly #writer = new LineWriter();

  constructor(descriptor = 2) {
    this.#descriptor = descriptor;
  }

  write(line: string): void {
    this.#writer.write(this.#descriptor, line);
  }

  close(): void {}
}
