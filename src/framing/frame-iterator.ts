import type { InputBuffer } from '../mux/input-buffer.js';

/** Walks the complete frames of an input buffer. It is used again and again: what the hot loop allocates is the frames. */
export class FrameIterator<Frame> implements IterableIterator<Frame> {
  readonly #framing: { read(input: InputBuffer): Frame | undefined };
  readonly #result: { done: boolean; value: Frame | undefined } = { done: false, value: undefined };
  #input: InputBuffer | undefined;

  constructor(framing: { read(input: InputBuffer): Frame | undefined }) {
    this.#framing = framing;
  }

  /** Begins a walk. */
  over(input: InputBuffer): this {
    this.#input = input;
    return this;
  }

  next(): IteratorResult<Frame> {
    const frame = this.#framing.read(this.#input!);
    const result = this.#result;
    result.done = frame === undefined;
    result.value = frame;
    return result as IteratorResult<Frame>;
  }

  [Symbol.iterator](): this {
    return this;
  }
}
