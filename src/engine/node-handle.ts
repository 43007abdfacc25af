import type { Socket } from 'node:net';
import type { CloseMode, HandleKind, RecordKind } from '../native/contract.js';
import type { SharedMemory } from '../native/shared-memory.js';
import type { Address } from './address.js';
import type { Pass } from './node-admission.js';
import type { NodeListener } from './node-listener.js';

/** What a handle sees of the reactor that it belongs to. */
export interface NodeTurn {
  readonly memory: SharedMemory;
  /** What `Data` and `Datagram` records of the present batch point into. */
  readSlab: Buffer;
  now(): number;
  /** Queues a record. */
  report(kind: RecordKind, handle: NodeHandle, a?: number, b?: number): void;
  /** Queues the handle: it has something to `read`. */
  offer(handle: NodeHandle): void;
  /** An event of Node's is through: delivers what it brought, unless a turn is under way that will. */
  turn(): void;
  /** Gives an accepted connection a slot; undefined if the table is full. */
  admit(socket: Socket, listener: NodeListener, pass: Pass | undefined): NodeHandle | undefined;
}

/**
 * What fills a slot. The calls are the contract's commands, the defaults what a command means to a kind of handle that
 * knows nothing of it: nothing.
 */
export abstract class NodeHandle {
  abstract readonly kind: HandleKind;
  readonly slot: number;
  /** Set once `Close` was executed or the slot released; from then on nothing is reported. */
  closed = false;
  /** Whether the handle stands in the reactor's queue. */
  offered = false;
  /** Whether the present execution of the ring wrote to it. */
  touched = false;
  /** What it has to give back when its descriptor is closed, if it counts against limits. */
  pass: Pass | undefined;
  protected readonly reactor: NodeTurn;
  protected started = false;
  paused = false;

  constructor(reactor: NodeTurn, slot: number) {
    this.reactor = reactor;
    this.slot = slot;
  }

  /** Whether `read` would have something. */
  abstract readonly readable: boolean;

  /**
   * Writes the next record of input.
   * @param at word of `records`
   * @returns its kind, or undefined if there was none after all
   */
  abstract read(records: Int32Array, at: number): RecordKind | undefined;

  /** Gives up the descriptor. @param freed is called once it is closed, at once or later */
  abstract end(mode: CloseMode, freed: () => void, lingerMs: number): void;

  /** Forgets the descriptor without closing it, and returns it; −1 if it is not known. */
  abstract release(): number;

  abstract address(side: 'local' | 'remote'): Address | undefined;

  abstract descriptor(): number;

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

/** The errno of an error of Node's, positive; `otherwise` where it is about the stream's own state. */
export function errnoOf(error: Error, otherwise: number): number {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === undefined ? otherwise : Math.abs(errno);
}

/** The descriptor behind a socket or server. Node has no public name for it; −1 if it is closed. */
export function descriptorOf(holder: object): number {
  return (holder as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}
