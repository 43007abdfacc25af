interface Part {
  readonly bytes: Uint8Array;
  /** Its length when it was queued: a detached buffer has another. */
  readonly length: number;
}

/** What a connection has to send and its socket has not been given yet, in order. */
export class Outbox {
  /** Bytes queued. */
  size = 0;
  #parts: Part[] = [];
  #first = 0;
  /** Bytes of the first part that are through. */
  #offset = 0;

  append(bytes: Uint8Array, length: number): void {
    if (length === 0) return;
    this.#parts.push({ bytes, length });
    this.size += length;
  }

  clear(): void {
    this.#parts = [];
    this.#first = 0;
    this.#offset = 0;
    this.size = 0;
  }

  /**
   * Takes the next bytes out: a view of one part, or several short parts in one piece.
   * @returns undefined if a buffer is not what it was when it was queued
   */
  take(limit: number): Uint8Array | undefined {
    const first = this.#parts[this.#first]!;
    if (first.bytes.length !== first.length) return undefined;
    const rest = first.length - this.#offset;
    const next = this.#parts[this.#first + 1];
    if (next === undefined || rest + next.length > limit) {
      const piece = first.bytes.subarray(this.#offset, this.#offset + Math.min(rest, limit));
      this.#advance(piece.length);
      return piece;
    }
    let length = rest;
    let end = this.#first + 1;
    for (let part = this.#parts[end]; part !== undefined && length + part.length <= limit; part = this.#parts[end]) {
      if (part.bytes.length !== part.length) return undefined;
      length += part.length;
      end += 1;
    }
    const piece = Buffer.allocUnsafe(length);
    let at = 0;
    while (at < length) {
      const part = this.#parts[this.#first]!;
      const bytes = part.bytes.subarray(this.#offset);
      piece.set(bytes, at);
      at += bytes.length;
      this.#advance(bytes.length);
    }
    return piece;
  }

  /** A copy of everything; what a vanished buffer held is missing. */
  copy(): Buffer {
    const parts = this.#parts.slice(this.#first).map((part, index) => (index === 0 ? part.bytes.subarray(this.#offset) : part.bytes));
    return Buffer.concat(parts);
  }

  #advance(length: number): void {
    this.size -= length;
    this.#offset += length;
    if (this.#offset < this.#parts[this.#first]!.length) return;
    this.#offset = 0;
    this.#first += 1;
    if (this.#first === this.#parts.length) {
      this.#parts = [];
      this.#first = 0;
    }
  }
}
