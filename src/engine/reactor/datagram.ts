import { Interest, RecordKind } from '../../native/contract.js';
import { type Address, addressBlockLength, encodeAddress } from '../address.js';
import { type Batch, ReactorHandle, type ReactorTurn } from './handle.js';

/** Datagrams kept for a paused or not yet started socket; the kernel's own default (`net.core.rmem_default`). */
const HELD_BYTES = 212_992;

/** What each of them counts beside its payload, as in the kernel: empty ones take memory, too. */
const OVERHEAD_BYTES = 768;

interface Arrival {
  readonly payload: Uint8Array;
  /** The sender's address block. */
  readonly block: Buffer;
}

/** A datagram socket. What comes while nobody reads is kept up to the size of a kernel's receive buffer, and lost beyond it. */
export abstract class DatagramHandle<Turn extends ReactorTurn = ReactorTurn> extends ReactorHandle<Turn> {
  #arrivals: Arrival[] = [];
  #heldBytes = 0;
  #isDiscarding = false;

  get readable(): boolean {
    return this.started && !this.paused && this.#arrivals.length > 0;
  }

  receive(payload: Uint8Array, sender: Address | undefined): void {
    this.reactor.memory.traffic[2 * this.slot]! += payload.length;
    const held = this.#heldBytes + payload.length + OVERHEAD_BYTES;
    if (this.#isDiscarding || held > HELD_BYTES) return;
    this.#heldBytes = held;
    this.#arrivals.push({ payload, block: encodeAddress(sender) });
    this.offerInput();
  }

  read(batch: Batch): boolean {
    if (!this.readable) return true;
    const { payload, block } = this.#arrivals[0]!;
    if (batch.recordsLeft === 0 || batch.room < addressBlockLength(block, 0) + payload.length) return false;
    this.#arrivals.shift();
    this.#heldBytes -= payload.length + OVERHEAD_BYTES;
    const at = batch.place(block);
    batch.place(payload);
    batch.record(RecordKind.Datagram, this.slot, at, payload.length);
    return true;
  }

  override flushOutput(): void {
    this.reactor.memory.unsent[this.slot] = 0;
    if ((this.reactor.memory.interest[this.slot]! & Interest.Drained) !== 0) this.reactor.report(RecordKind.Drained, this);
  }

  override discard(): void {
    this.#isDiscarding = true;
    this.#arrivals = [];
    this.#heldBytes = 0;
  }

  override shutWrite(): void {
    this.reactor.report(RecordKind.Flushed, this);
  }
}
