import { constants } from 'node:os';
import { type Address, CloseMode, RecordKind } from '../engine/engine.js';
import type { Batch } from '../engine/reactor/handle.js';
import { StreamHandle } from '../engine/reactor/stream.js';
import type { TimeWatch } from '../engine/reactor/time-watch.js';
import type { EndOwner, Joined } from './end.js';
import { Linger } from './linger.js';
import type { MemoryTurn } from './memory-turn.js';

const { EFAULT, EPIPE } = constants.errno;

/** With less room a read waits for the next batch, so that it is not cut into crumbs. */
const LEAST_ROOM_BYTES = 8 * 1024;

/** Bytes, and the end behind them. */
const RECORDS_OF_A_READ = 2;

/** A connection of the multiplexer's. */
export class MemoryStream extends StreamHandle<MemoryTurn> implements EndOwner {
  readonly #readSize: number;
  /** Connects: the outcome, or the errno. Of an outgoing connection until it was tried. */
  #dial: (() => Joined | number) | undefined;
  #joined: Joined | undefined;
  #hasEnded = false;
  #isDiscarding = false;

  constructor(reactor: MemoryTurn, slot: number, readSize: number, origin: Joined | (() => Joined | number), watch?: TimeWatch) {
    super(reactor, slot, watch);
    this.#readSize = readSize;
    if (typeof origin === 'function') {
      this.#dial = origin;
    } else {
      this.started = true;
      this.#join(origin);
    }
  }

  get readable(): boolean {
    return !this.paused && !this.#isDiscarding && !this.#hasEnded && this.#joined?.end.isReadable === true;
  }

  override start(): void {
    super.start();
    const outcome = this.#dial?.();
    this.#dial = undefined;
    if (outcome === undefined) return;
    if (typeof outcome === 'number') {
      this.fail(outcome, RecordKind.ConnectFailed);
    } else {
      this.reactor.report(RecordKind.Connected, this);
      this.#join(outcome);
      this.reactor.offerRoom(this);
    }
  }

  read(batch: Batch): boolean {
    if (!this.readable) return true;
    const { end } = this.#joined!;
    if (batch.recordsLeft < RECORDS_OF_A_READ) return false;
    if (end.size > 0) {
      if (batch.room < Math.min(LEAST_ROOM_BYTES, this.#readSize, end.size)) return false;
      const bytes = end.read(Math.min(this.#readSize, batch.room));
      this.countReceived(bytes.length);
      batch.record(RecordKind.Data, this.slot, batch.place(bytes), bytes.length);
    }
    if (end.size === 0 && end.isReadable) {
      this.#hasEnded = true;
      batch.record(RecordKind.Eof, this.slot, end.error, 0);
      // Who is told of a reset is to see first what was queued.
      if (end.error !== 0) this.reactor.offerRoom(this);
    }
    return true;
  }

  override shutWrite(): void {
    this.shutWanted = true;
    if (this.#joined !== undefined && this.unsent === 0) this.shut();
  }

  override discard(report: boolean): void {
    this.#isDiscarding = true;
    this.#joined?.end.discard();
    if (this.#joined !== undefined && this.#joined.end.error !== 0) this.reactor.offerRoom(this); // nobody reads any more who could be told
    if (!report || this.#hasEnded) return;
    this.#hasEnded = true;
    this.reactor.report(RecordKind.Eof, this);
  }

  end(mode: CloseMode, freed: () => void, lingerMs: number): void {
    const end = this.#joined?.end;
    this.queue.clear();
    if (end === undefined) {
      freed();
    } else if (mode === CloseMode.Linger && !end.isFinished && end.error === 0) {
      new Linger(end, this.reactor, lingerMs, freed);
    } else {
      if (mode === CloseMode.Reset) end.reset();
      else end.close();
      freed();
    }
  }

  address(side: 'local' | 'remote'): Address | undefined {
    return this.#joined?.[side];
  }

  // What the connection tells (EndOwner).

  arrived(): void {
    this.offerInput();
    if (this.#joined!.end.error !== 0) this.reactor.offerRoom(this);
  }

  hasRoom(): void {
    if (this.unsent > 0) this.reactor.offerRoom(this);
  }

  #join(joined: Joined): void {
    const { end } = joined;
    this.#joined = joined;
    end.owner = this;
    if (this.#isDiscarding) end.discard();
    this.offerInput();
  }

  protected sendQueued(): void {
    const end = this.#joined?.end;
    if (end === undefined || this.hasFailed) return;
    while (this.unsent > 0 && end.error === 0) {
      const { room } = end;
      if (room === 0) return;
      const piece = this.queue.take(room);
      if (piece === undefined) {
        this.fail(EFAULT);
        return;
      }
      this.countSent(piece.length);
      end.write(piece);
    }
    if (end.error === 0) this.emptied();
    else this.#answerReset(end.error);
  }

  protected shut(): void {
    if (!this.hasFlushed && !this.hasFailed) this.#joined!.end.finish();
    this.reportFlushed();
  }

  /**
   * The connection was reset. Who still reads is told of the end of input, first; when that was told, or is of no interest to anybody,
   * output that waits has failed, and so has writing on.
   */
  #answerReset(errno: number): void {
    if (this.readable) return;
    const isReading = !this.#isDiscarding && !this.#hasEnded;
    if (this.unsent > 0) this.fail(isReading ? errno : EPIPE);
    else if (this.shutWanted) this.shut();
    else if (!isReading) this.fail(errno);
  }
}
