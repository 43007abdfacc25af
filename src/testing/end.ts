import { constants } from 'node:os';
import type { Address } from '../engine/engine.js';

const { ECONNRESET, EPIPE } = constants.errno;

/** Whoever has one end of a connection. */
export interface EndOwner {
  /** Something has come: bytes, the other's FIN, a reset. */
  arrived(): void;
  /** The other end has room for more. */
  hasRoom(): void;
}

const NOBODY: EndOwner = { arrived() {}, hasRoom() {} };

/** A connection and the names of its ends. */
export interface Joined {
  readonly end: End;
  readonly local: Address;
  readonly remote: Address;
}

/**
 * One end of a connection in memory. It does what a TCP socket of the kernel does, each packet arriving at once: a FIN follows
 * what was written, a reset overtakes nothing, and who closes with unread input sends a reset in the place of a FIN.
 */
export class End {
  owner: EndOwner = NOBODY;
  /** Bytes that have arrived and were not read. */
  size = 0;
  /** Bytes that arrived and were thrown away. */
  discarded = 0;
  /** The other's FIN has arrived. */
  isFinished = false;
  /** The errno of a reset that has arrived; 0 = none. */
  error = 0;
  readonly #capacity: number;
  #other!: End;
  #queue: Buffer[] = [];
  #hasFinished = false;
  #isDiscarding = false;
  #isClosed = false;

  private constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Both ends of a connection. @param capacity bytes that each may leave unread before the other has to wait */
  static pair(capacity: number): [End, End] {
    const [one, other] = [new End(capacity), new End(capacity)];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  /** Bytes that may be written now. */
  get room(): number {
    const other = this.#other;
    return other.#isClosed || other.#isDiscarding ? Number.POSITIVE_INFINITY : other.#capacity - other.size;
  }

  /** Whether bytes, or an end, wait to be read. */
  get isReadable(): boolean {
    return this.size > 0 || this.isFinished || this.error !== 0;
  }

  /** Sends bytes, for which there must be room. After a reset nothing may be written. */
  write(bytes: Uint8Array): void {
    const other = this.#other;
    if (other.#isClosed) {
      // Nobody is there to take them: a reset is the answer.
      this.#receiveReset(this.isFinished ? EPIPE : ECONNRESET);
      return;
    }
    if (other.#isDiscarding) {
      other.discarded += bytes.length;
    } else {
      other.#queue.push(Buffer.from(bytes));
      other.size += bytes.length;
    }
    other.owner.arrived();
  }

  /** Sends a FIN: no more is written. */
  finish(): void {
    if (this.#hasFinished || this.error !== 0) return;
    this.#hasFinished = true;
    const other = this.#other;
    if (other.#isClosed) return;
    other.isFinished = true;
    other.owner.arrived();
  }

  /** Takes bytes: as many as there are, at most `limit`. */
  read(limit: number): Buffer {
    const length = Math.min(limit, this.size);
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    while (at < length) {
      const first = this.#queue[0]!;
      const taken = first.copy(bytes, at, 0, length - at);
      at += taken;
      if (taken === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(taken);
    }
    this.size -= length;
    if (length > 0) this.#other.owner.hasRoom();
    return bytes;
  }

  /** Throws away what is unread, and what will come. */
  discard(): void {
    this.#isDiscarding = true;
    this.discarded += this.size;
    this.#queue = [];
    this.size = 0;
    this.#other.owner.hasRoom();
  }

  /** Gives the end up. The other gets a FIN; a reset if something is unread. */
  close(): void {
    if (this.size > 0) this.reset();
    else {
      this.finish();
      this.#leave();
    }
  }

  /** Gives the end up with a reset. */
  reset(): void {
    if (this.#isClosed) return;
    this.#leave();
    if (this.error === 0) this.#other.#receiveReset(ECONNRESET);
  }

  #leave(): void {
    this.#isClosed = true;
    this.#queue = [];
    this.size = 0;
    this.owner = NOBODY;
    this.#other.owner.hasRoom();
  }

  #receiveReset(errno: number): void {
    if (this.#isClosed || this.error !== 0) return;
    this.error = errno;
    this.owner.arrived();
  }
}
