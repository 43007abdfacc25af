import { constants } from 'node:os';
import { Counter, RecordKind } from '../../native/contract.js';
import type { Address } from '../address.js';
import type { ListenerLimits } from '../engine.js';
import { Door, type Pass } from './admission.js';
import { type Batch, ReactorHandle, type ReactorTurn } from './handle.js';

/** Errors are reported at most this often: a full table fails for every client that knocks. */
const ERROR_INTERVAL_MS = 1_000;

/** A connection that waits to be announced. */
export interface Accepted<Connection> {
  readonly connection: Connection;
  readonly pass: Pass | undefined;
}

/** A listening socket: whom its limits let in, and what it tells of those that it cannot serve. */
export abstract class ListenerHandle<Connection, Turn extends ReactorTurn = ReactorTurn> extends ReactorHandle<Turn> {
  /** Bytes that one read of its connections delivers. */
  readonly readSize: number;
  /** Its limits. */
  readonly door: Door | undefined;
  protected readonly accepted: Accepted<Connection>[] = [];
  #takeBackReport: (() => void) | undefined;
  #lastError_ms = Number.NEGATIVE_INFINITY;

  constructor(reactor: Turn, slot: number, readSize: number, limits: ListenerLimits | undefined) {
    super(reactor, slot);
    this.readSize = readSize;
    this.door = limits && new Door(limits, reactor.now());
  }

  /** Gives the connection a slot; undefined if the table is full. */
  protected abstract admit(accepted: Accepted<Connection>): number | undefined;

  /** The table is full, and the first of those who wait finds no place. */
  protected abstract starve(): void;

  override get refused(): Float64Array | undefined {
    return this.door?.refused;
  }

  read(batch: Batch): boolean {
    while (this.readable) {
      if (batch.recordsLeft === 0) return false;
      const slot = this.admit(this.accepted[0]!);
      if (slot === undefined) {
        this.reactor.memory.counters[Counter.AcceptPauses]! += 1;
        this.complain(constants.errno.EMFILE);
        this.starve();
      } else {
        this.accepted.shift();
        batch.record(RecordKind.Accept, slot, this.slot, 0);
      }
    }
    return true;
  }

  /** Somebody has connected. @returns false where the limits keep him out */
  protected letIn(connection: Connection, remote: Address | undefined): boolean {
    const pass = this.door?.admit(remote, this.reactor.now());
    if (this.door !== undefined && pass === undefined) {
      this.#reportRefusals();
      return false;
    }
    this.accepted.push({ connection, pass });
    this.offerInput();
    return true;
  }

  /** Nobody is let in any more. @param refuse sends those away who wait to be announced */
  protected shutDoor(refuse: (connection: Connection) => void): void {
    for (const { connection, pass } of this.accepted.splice(0)) {
      refuse(connection);
      pass?.leave();
    }
    this.#takeBackReport?.();
    this.door?.close();
  }

  protected complain(errno: number): void {
    const now = this.reactor.now();
    if (now - this.#lastError_ms < ERROR_INTERVAL_MS) return;
    this.#lastError_ms = now;
    this.reactor.report(RecordKind.ListenerError, this, errno);
  }

  /** Tells of refusals, now or when they may be told again. */
  #reportRefusals(): void {
    const due = this.door?.reportDue;
    if (due === undefined || this.closed || this.#takeBackReport !== undefined) return;
    const now = this.reactor.now();
    if (due > now) {
      this.#takeBackReport = this.reactor.after(due - now, () => {
        this.#takeBackReport = undefined;
        this.#reportRefusals();
      });
      return;
    }
    for (const { reason, count } of this.door!.takeReport(now)) this.reactor.report(RecordKind.Refused, this, reason, count);
  }
}
