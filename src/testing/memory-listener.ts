import { constants } from 'node:os';
import { type Address, Counter, type ListenerLimits, RecordKind } from '../engine/engine.js';
import { Door, type Pass } from '../engine/node-admission.js';
import type { Acceptor, Bound } from './address-book.js';
import { type Batch, MemoryHandle, type MemoryTurn } from './memory-handle.js';
import type { Joined, MemoryStream } from './memory-stream.js';

/** What a listener asks of its engine. */
export interface Admitting extends MemoryTurn {
  /** Gives an accepted connection a slot; undefined if the table is full. */
  admit(joined: Joined, listener: MemoryListener, pass: Pass | undefined): MemoryStream | undefined;
}

/** A full table is told of at most this often: it fails for every client that knocks. */
const ERROR_INTERVAL_MS = 1_000;

/** A connection that waits to be announced. */
interface Accepted {
  readonly joined: Joined;
  readonly pass: Pass | undefined;
}

/** A listening socket. What comes before `Start` or while it is paused waits in its queue, however many they are. */
export class MemoryListener extends MemoryHandle implements Acceptor {
  /** Bytes that one read of its connections delivers. */
  readonly readSize: number;
  /** Its limits. */
  readonly door: Door | undefined;
  readonly #engine: Admitting;
  readonly #queue: Accepted[] = [];
  #place: Bound | undefined;
  /** The table is full. */
  #isStarving = false;
  /** Refusals are told of as soon as they may be again. */
  #isReportDue = false;
  #lastError_ms = Number.NEGATIVE_INFINITY;

  constructor(engine: Admitting, slot: number, readSize: number, limits: ListenerLimits | undefined) {
    super(engine, slot);
    this.door = limits && new Door(limits, engine.now());
    this.#engine = engine;
    this.readSize = readSize;
  }

  get isReadable(): boolean {
    return this.started && !this.paused && !this.#isStarving && this.#queue.length > 0;
  }

  open(place: Bound): void {
    this.#place = place;
  }

  accept(joined: Joined): void {
    const pass = this.door?.admit(joined.remote, this.turn.now());
    if (this.door !== undefined && pass === undefined) {
      if (joined.remote.family === 'unix') joined.end.close();
      else joined.end.reset();
      this.#reportRefusals();
      return;
    }
    this.#queue.push({ joined, pass });
    this.offerInput();
  }

  read(batch: Batch): boolean {
    while (this.isReadable) {
      if (batch.recordsLeft === 0) return false;
      const { joined, pass } = this.#queue[0]!;
      const stream = this.#engine.admit(joined, this, pass);
      if (stream === undefined) {
        this.#isStarving = true;
        this.turn.memory.counters[Counter.AcceptPauses]! += 1;
        this.#complain();
        break;
      }
      this.#queue.shift();
      batch.record(RecordKind.Accept, stream.slot, this.slot, 0);
    }
    return true;
  }

  /** There is a slot again. */
  retry(): void {
    this.#isStarving = false;
    this.offerInput();
  }

  end(_mode: number, freed: () => void): void {
    this.#place?.unbind();
    for (const { joined, pass } of this.#queue) {
      joined.end.reset();
      pass?.leave();
    }
    this.door?.close();
    freed();
  }

  address(side: 'local' | 'remote'): Address | undefined {
    return side === 'local' ? this.#place?.address : undefined;
  }

  /** Tells of refusals, now or when they may be told again. */
  #reportRefusals(): void {
    const due = this.door?.reportDue;
    if (due === undefined || this.closed || this.#isReportDue) return;
    const now = this.turn.now();
    if (due > now) {
      this.#isReportDue = true;
      this.turn.after(due - now, () => {
        this.#isReportDue = false;
        this.#reportRefusals();
      });
      return;
    }
    for (const { reason, count } of this.door!.takeReport(now)) this.turn.report(RecordKind.Refused, this, reason, count);
  }

  #complain(): void {
    const now = this.turn.now();
    if (now - this.#lastError_ms < ERROR_INTERVAL_MS) return;
    this.#lastError_ms = now;
    this.turn.report(RecordKind.ListenerError, this, constants.errno.EMFILE);
  }
}
