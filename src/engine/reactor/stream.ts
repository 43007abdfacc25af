import { Interest, RecordKind } from '../../native/contract.js';
import { ReactorHandle, type ReactorTurn } from './handle.js';
import { Outbox } from './outbox.js';
import type { TimeWatch } from './time-watch.js';

/** How much of its input a lingering connection throws away; the same as the native core's. */
export const LINGER_BYTES = 1024 * 1024;

/** A connection: the output that waits, and what is owed to whoever queued it. How bytes travel is the engine's. */
export abstract class StreamHandle<Turn extends ReactorTurn = ReactorTurn> extends ReactorHandle<Turn> {
  protected readonly queue = new Outbox();
  /** Writing has failed, or connecting: nothing is sent any more. */
  protected hasFailed = false;
  protected shutWanted = false;
  /** `ShutWrite` was answered. */
  protected hasFlushed = false;
  /** Its limits of time. */
  readonly #watch: TimeWatch | undefined;
  #owesDrained = false;

  constructor(reactor: Turn, slot: number, watch: TimeWatch | undefined) {
    super(reactor, slot);
    this.#watch = watch;
  }

  /** Sends what can be sent, and answers what is owed then. */
  protected abstract sendQueued(): void;

  /** Shuts down writing; all output is sent. */
  protected abstract shut(): void;

  protected get unsent(): number {
    return this.queue.size;
  }

  override resume(): void {
    this.#watch?.resumed(this.#now);
    super.resume();
  }

  override write(bytes: Uint8Array, length: number): void {
    if (this.hasFailed) return;
    this.queue.append(bytes, length);
    this.#owesDrained = true;
  }

  override killOutput(): void {
    this.queue.clear();
    this.#owesDrained = false;
  }

  override flushOutput(): void {
    this.sendQueued();
    this.reactor.memory.unsent[this.slot] = this.unsent;
  }

  override outbox(): Buffer {
    return this.queue.copy();
  }

  protected countReceived(bytes: number): void {
    this.reactor.memory.traffic[2 * this.slot]! += bytes;
    this.#watch?.moved(this.#now);
  }

  protected countSent(bytes: number): void {
    this.reactor.memory.traffic[2 * this.slot + 1]! += bytes;
    this.#watch?.moved(this.#now);
  }

  /** All output is sent. */
  protected emptied(): void {
    if (this.#owesDrained) {
      this.#owesDrained = false;
      if ((this.reactor.memory.interest[this.slot]! & Interest.Drained) !== 0) this.reactor.report(RecordKind.Drained, this);
    }
    if (this.shutWanted) this.shut();
  }

  protected reportFlushed(): void {
    if (this.hasFlushed || this.hasFailed) return;
    this.hasFlushed = true;
    this.reactor.report(RecordKind.Flushed, this);
  }

  protected fail(errno: number, as: RecordKind = RecordKind.WriteFailed): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.killOutput();
    this.reactor.memory.unsent[this.slot] = 0;
    this.reactor.report(as, this, errno);
  }

  get #now(): number {
    return Math.floor(this.reactor.now()) | 0;
  }
}
