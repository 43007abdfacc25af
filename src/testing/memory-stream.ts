import { constants } from 'node:os';
import { type Address, CloseMode, Interest, RecordKind } from '../engine/engine.js';
import { NodeOutbox } from '../engine/node-outbox.js';
import type { TimeWatch } from '../engine/node-time-watch.js';
import type { End, EndOwner } from './end.js';
import { Linger } from './linger.js';
import { type Batch, MemoryHandle, type MemoryTurn } from './memory-handle.js';

const { EFAULT, EPIPE } = constants.errno;

/** With less room a read waits for the next batch, so that it is not cut into crumbs. */
const LEAST_ROOM_BYTES = 8 * 1024;

/** Bytes, and the end behind them. */
const RECORDS_OF_A_READ = 2;

/** A connection and the names of its ends. */
export interface Joined {
  readonly end: End;
  readonly local: Address;
  readonly remote: Address;
}

/** A connection of the multiplexer's. */
export class MemoryStream extends MemoryHandle implements EndOwner {
  readonly #readSize: number;
  /** Its limits of time. */
  readonly #watch: TimeWatch | undefined;
  /** Connects: the outcome, or the errno. Of an outgoing connection until it was tried. */
  #dial: (() => Joined | number) | undefined;
  #joined: Joined | undefined;
  readonly #outbox = new NodeOutbox();
  #owesDrained = false;
  #hasEnded = false;
  #isDiscarding = false;
  #shutWanted = false;
  #isShut = false;
  #failed = false;

  constructor(turn: MemoryTurn, slot: number, readSize: number, origin: Joined | (() => Joined | number), watch?: TimeWatch) {
    super(turn, slot);
    this.#readSize = readSize;
    this.#watch = watch;
    if (typeof origin === 'function') {
      this.#dial = origin;
    } else {
      this.started = true;
      this.#join(origin);
    }
  }

  get isReadable(): boolean {
    return this.started && !this.paused && !this.#isDiscarding && !this.#hasEnded && this.#joined?.end.isReadable === true;
  }

  override start(): void {
    super.start();
    const outcome = this.#dial?.();
    this.#dial = undefined;
    if (outcome === undefined) return;
    if (typeof outcome === 'number') {
      this.#failed = true;
      this.turn.report(RecordKind.ConnectFailed, this, outcome);
    } else {
      this.turn.report(RecordKind.Connected, this);
      this.#join(outcome);
      this.turn.offerRoom(this);
    }
  }

  read(batch: Batch): boolean {
    if (!this.isReadable) return true;
    const { end } = this.#joined!;
    if (batch.recordsLeft < RECORDS_OF_A_READ) return false;
    if (end.size > 0) {
      if (batch.room < Math.min(LEAST_ROOM_BYTES, this.#readSize, end.size)) return false;
      const bytes = end.read(Math.min(this.#readSize, batch.room));
      this.turn.memory.traffic[2 * this.slot]! += bytes.length;
      this.#watch?.moved(this.#now);
      batch.record(RecordKind.Data, this.slot, batch.place(bytes), bytes.length);
    }
    if (end.size === 0 && end.isReadable) {
      this.#hasEnded = true;
      batch.record(RecordKind.Eof, this.slot, end.error, 0);
      // Who is told of a reset is to see first what was queued.
      if (end.error !== 0) this.turn.offerRoom(this);
    }
    return true;
  }

  override resume(): void {
    this.#watch?.resumed(this.#now);
    super.resume();
  }

  override write(bytes: Uint8Array, length: number): void {
    if (this.#failed) return;
    this.#outbox.append(bytes, length);
    this.#owesDrained = true;
  }

  override killOutput(): void {
    this.#outbox.clear();
    this.#owesDrained = false;
  }

  override flushOutput(): void {
    this.#send();
    this.turn.memory.unsent[this.slot] = this.#outbox.size;
  }

  override shutWrite(): void {
    this.#shutWanted = true;
    if (this.#joined !== undefined && this.#outbox.size === 0) this.#shut();
  }

  override discard(report: boolean): void {
    this.#isDiscarding = true;
    this.#joined?.end.discard();
    if (this.#joined !== undefined && this.#joined.end.error !== 0) this.turn.offerRoom(this); // nobody reads any more who could be told
    if (!report || this.#hasEnded) return;
    this.#hasEnded = true;
    this.turn.report(RecordKind.Eof, this);
  }

  override outbox(): Buffer {
    return this.#outbox.copy();
  }

  end(mode: CloseMode, freed: () => void, lingerMs: number): void {
    const end = this.#joined?.end;
    this.#outbox.clear();
    if (end === undefined) {
      freed();
    } else if (mode === CloseMode.Linger && !end.isFinished && end.error === 0) {
      new Linger(end, this.turn, lingerMs, freed);
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
    if (this.#joined!.end.error !== 0) this.turn.offerRoom(this);
  }

  hasRoom(): void {
    if (this.#outbox.size > 0) this.turn.offerRoom(this);
  }

  get #now(): number {
    return Math.floor(this.turn.now()) | 0;
  }

  #join(joined: Joined): void {
    const { end } = joined;
    this.#joined = joined;
    end.owner = this;
    if (this.#isDiscarding) end.discard();
    this.offerInput();
  }

  #send(): void {
    const end = this.#joined?.end;
    if (end === undefined || this.#failed) return;
    while (this.#outbox.size > 0 && end.error === 0) {
      const { room } = end;
      if (room === 0) return;
      const piece = this.#outbox.take(room);
      if (piece === undefined) {
        this.#fail(EFAULT);
        return;
      }
      this.turn.memory.traffic[2 * this.slot + 1]! += piece.length;
      this.#watch?.moved(this.#now);
      end.write(piece);
    }
    if (end.error !== 0) {
      this.#answerReset(end.error);
      return;
    }
    if (this.#owesDrained) {
      this.#owesDrained = false;
      if ((this.turn.memory.interest[this.slot]! & Interest.Drained) !== 0) this.turn.report(RecordKind.Drained, this);
    }
    if (this.#shutWanted) this.#shut();
  }

  /**
   * The connection was reset. Who still reads is told of the end of input, first; when that was told, or is of no interest to anybody,
   * output that waits has failed, and so has writing on.
   */
  #answerReset(errno: number): void {
    if (this.isReadable) return;
    const isReading = !this.#isDiscarding && !this.#hasEnded;
    if (this.#outbox.size > 0) this.#fail(isReading ? errno : EPIPE);
    else if (this.#shutWanted) this.#shut();
    else if (!isReading) this.#fail(errno);
  }

  #shut(): void {
    if (this.#isShut || this.#failed) return;
    this.#isShut = true;
    this.#joined!.end.finish();
    this.turn.report(RecordKind.Flushed, this);
  }

  #fail(errno: number): void {
    if (this.#failed) return;
    this.#failed = true;
    this.killOutput();
    this.turn.memory.unsent[this.slot] = 0;
    this.turn.report(RecordKind.WriteFailed, this, errno);
  }
}
