import type { Address, CloseMode, RecordKind, SharedMemory } from '../engine/engine.js';
import type { Pass } from '../engine/node-admission.js';

/** A batch that is being filled. */
export interface Batch {
  readonly recordsLeft: number;
  /** Bytes of the read slab that are free. */
  readonly room: number;
  /** Writes a record. */
  record(kind: RecordKind, slot: number, a: number, b: number): void;
  /** Copies bytes into the read slab. @returns where they lie */
  place(bytes: Uint8Array): number;
}

/** What a handle sees of the engine that it belongs to. */
export interface MemoryTurn {
  readonly memory: SharedMemory;
  /** Milliseconds since the engine's origin, by its own clock. */
  now(): number;
  /** Queues a record. */
  report(kind: RecordKind, handle: MemoryHandle, a?: number, b?: number): void;
  /** Queues the handle: it has something to `read`. */
  offer(handle: MemoryHandle): void;
  /** Queues the handle: there may be room for what it has queued, or an answer to it. */
  offerRoom(handle: MemoryHandle): void;
  /** Calls once, so many milliseconds from now. @returns a function that takes the order back */
  after(ms: number, call: () => void): () => void;
}

/**
 * What fills a slot. The calls are the contract's commands, the defaults what a command means to a kind of handle that knows
 * nothing of it: nothing.
 */
export abstract class MemoryHandle {
  readonly slot: number;
  /** Set once `Close` was executed or the slot released; from then on nothing is reported. */
  closed = false;
  /** What it has to give back when its socket is closed, if it counts against limits. */
  pass: Pass | undefined;
  paused = false;
  protected readonly turn: MemoryTurn;
  protected started = false;

  constructor(turn: MemoryTurn, slot: number) {
    this.turn = turn;
    this.slot = slot;
  }

  /** Whether `read` would have something. */
  abstract readonly isReadable: boolean;

  /** Reads once, into the batch. @returns false where the batch has no room for it */
  abstract read(batch: Batch): boolean;

  /** Gives up the socket. @param freed is called once it is closed, at once or later */
  abstract end(mode: CloseMode, freed: () => void, lingerMs: number): void;

  abstract address(side: 'local' | 'remote'): Address | undefined;

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
    if (this.isReadable) this.turn.offer(this);
  }
}
