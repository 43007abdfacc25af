import type { CloseMode, RecordKind } from '../../native/contract.js';
import type { SharedMemory } from '../../native/shared-memory.js';
import type { Address } from '../address.js';
import type { Pass } from './admission.js';

/** A batch that is being filled. */
export interface Batch {
  readonly recordsLeft: number;
  /** Bytes of the read slab that are free. */
  readonly room: number;
  /** Writes a record. */
  record(kind: RecordKind, slot: number, a: number, b: number): void;
  /** Copies bytes into the read slab, at a multiple of four. @returns where they lie */
  place(bytes: Uint8Array): number;
}

/** What a handle sees of the reactor that it belongs to. */
export interface ReactorTurn {
  readonly memory: SharedMemory;
  /** Milliseconds since the engine's origin, by its own clock. */
  now(): number;
  /** Queues a record. */
  report(kind: RecordKind, handle: ReactorHandle, a?: number, b?: number): void;
  /** Queues the handle: it has something to `read`. */
  offer(handle: ReactorHandle): void;
  /** Calls once, so many milliseconds from now, and delivers what came of it. @returns a function that takes the order back */
  after(ms: number, call: () => void): () => void;
}

/**
 * What fills a slot. The calls are the contract's commands, the defaults what a command means to a kind of handle that
 * knows nothing of it: nothing.
 */
export abstract class ReactorHandle<Turn extends ReactorTurn = ReactorTurn> {
  readonly slot: number;
  /** Set once `Close` was executed or the slot released; from then on nothing is reported. */
  closed = false;
  /** Whether the handle stands in the reactor's queue of those who have something to read. */
  offered = false;
  /** Whether the present execution of the ring wrote to it. */
  touched = false;
  /** What it has to give back when its descriptor is closed, if it counts against limits. */
  pass: Pass | undefined;
  paused = false;
  protected readonly reactor: Turn;
  protected started = false;

  constructor(reactor: Turn, slot: number) {
    this.reactor = reactor;
    this.slot = slot;
  }

  /** Whether `read` would have something. */
  abstract readonly readable: boolean;

  /** Reads once, into the batch. @returns false where the batch is not to hold more: it is full, or its memory is the handle's */
  abstract read(batch: Batch): boolean;

  /** Gives up the socket. @param freed is called once it is closed, at once or later */
  abstract end(mode: CloseMode, freed: () => void, lingerMs: number): void;

  abstract address(side: 'local' | 'remote'): Address | undefined;

  /** −1 where it is not known, or there is none. */
  descriptor(): number {
    return -1;
  }

  /** Forgets the socket without closing it. @returns its descriptor */
  release(): number {
    return this.descriptor();
  }

  /** How many connections a listener's limits have kept out, by `Refusal`. */
  get refused(): Float64Array | undefined {
    return undefined;
  }

  start(): void {
    this.started = true;
    this.offerInput();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.offerInput();
  }

  /** @param _length of the bytes when they were queued; they may have been detached since */
  write(_bytes: Uint8Array, _length: number): void {}

  send(_address: Address | undefined, _payload: Buffer): void {}

  killOutput(): void {}

  /** All writes of this execution were made. */
  flushOutput(): void {}

  shutWrite(): void {}

  discard(_report: boolean): void {}

  /** A copy of what is queued. */
  outbox(): Buffer {
    return Buffer.alloc(0);
  }

  protected offerInput(): void {
    if (this.started && this.readable) this.reactor.offer(this);
  }
}
