import type { InputBuffer } from './input-buffer.js';

/** Walks the complete lines of an input buffer. It is used again and again: what the hot loop allocates is the strings. */
export class LineIterator implements IterableIterator<string> {
  readonly #input: InputBuffer;
  readonly #result: { done: boolean; value: string | undefined } = { done: false, value: undefined };
  #maxLength = 0;

  constructor(input: InputBuffer) {
    this.#input = input;
  }

  /** Begins a walk. */
  within(maxLength: number): this {
    this.#maxLength = maxLength;
    return this;
  }

  next(): IteratorResult<string> {
    const line = this.#input.nextLine(this.#maxLength);
    const result = this.#result;
    result.done = line === undefined;
    result.value = line;
    return result as IteratorResult<string>;
  }

  [Symbol.iterator](): this {
    return this;
  }
}
