/** Output of a connection that is not established yet. */
export class EarlyOutput {
  #parts: Buffer[] = [];
  /** Bytes that wait. */
  length = 0;
  /** Which directions are to be shut down when the rest is done; 2 = the connection was closed gracefully. */
  readonly shutdowns = new Set<0 | 1 | 2>();

  /** Whether more is taken. */
  get isOpen(): boolean {
    return !this.shutdowns.has(1) && !this.shutdowns.has(2);
  }

  /** Keeps a copy. */
  add(bytes: Uint8Array): void {
    this.#parts.push(Buffer.from(bytes));
    this.length += bytes.length;
  }

  drop(): void {
    this.#parts = [];
    this.length = 0;
  }

  copy(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
