import { constants } from 'node:os';
import { addressBlockLength, encodeAddress } from '../engine/address.js';
import { type Address, Interest, RecordKind } from '../engine/engine.js';
import { DATAGRAM_OVERHEAD_BYTES, HELD_DATAGRAM_BYTES } from '../engine/node-limits.js';
import type { AddressBook, Bound, Receiver } from './address-book.js';
import { type Batch, MemoryHandle, type MemoryTurn } from './memory-handle.js';

interface Arrival {
  readonly payload: Buffer;
  /** The sender's address block, padded. */
  readonly block: Buffer;
}

/** A datagram socket. What comes while nobody reads is kept up to the size of a kernel's receive buffer, and lost beyond it. */
export class MemoryDatagram extends MemoryHandle implements Receiver {
  #place!: Bound;
  readonly #book: AddressBook;
  #arrivals: Arrival[] = [];
  #heldBytes = 0;
  #isDiscarding = false;

  constructor(turn: MemoryTurn, slot: number, book: AddressBook) {
    super(turn, slot);
    this.#book = book;
  }

  get isReadable(): boolean {
    return this.started && !this.paused && this.#arrivals.length > 0;
  }

  open(place: Bound): void {
    this.#place = place;
  }

  receive(payload: Buffer, sender: Address): void {
    const held = this.#heldBytes + payload.length + DATAGRAM_OVERHEAD_BYTES;
    this.turn.memory.traffic[2 * this.slot]! += payload.length;
    if (this.#isDiscarding || held > HELD_DATAGRAM_BYTES) return;
    this.#heldBytes = held;
    const address = encodeAddress(sender);
    const block = Buffer.alloc(addressBlockLength(address, 0));
    block.set(address);
    this.#arrivals.push({ payload, block });
    this.offerInput();
  }

  read(batch: Batch): boolean {
    if (!this.isReadable) return true;
    const { payload, block } = this.#arrivals[0]!;
    if (batch.recordsLeft === 0 || batch.room < block.length + payload.length) return false;
    this.#arrivals.shift();
    this.#heldBytes -= payload.length + DATAGRAM_OVERHEAD_BYTES;
    batch.record(RecordKind.Datagram, this.slot, batch.place(Buffer.concat([block, payload])), payload.length);
    return true;
  }

  override send(address: Address | undefined, payload: Buffer): void {
    const problem = this.#problemWith(address);
    if (problem !== undefined) {
      this.turn.report(RecordKind.SendFailed, this, problem);
      return;
    }
    this.turn.memory.traffic[2 * this.slot + 1]! += payload.length;
    this.#book.send(this.#place.address, address!, payload);
  }

  override flushOutput(): void {
    this.turn.memory.unsent[this.slot] = 0;
    if ((this.turn.memory.interest[this.slot]! & Interest.Drained) !== 0) this.turn.report(RecordKind.Drained, this);
  }

  override discard(): void {
    this.#isDiscarding = true;
    this.#arrivals = [];
    this.#heldBytes = 0;
  }

  override shutWrite(): void {
    this.turn.report(RecordKind.Flushed, this);
  }

  end(_mode: number, freed: () => void): void {
    this.#place.unbind();
    freed();
  }

  address(side: 'local' | 'remote'): Address | undefined {
    return side === 'local' ? this.#place.address : undefined;
  }

  /** What the kernel would say to such an address. */
  #problemWith(address: Address | undefined): number | undefined {
    const { EAFNOSUPPORT, EDESTADDRREQ } = constants.errno;
    if (address === undefined) return EDESTADDRREQ;
    const { family } = this.#place.address;
    if (address.family === 'unix' || family === 'unix') return address.family === family ? undefined : EAFNOSUPPORT;
    return address.family > family ? EAFNOSUPPORT : undefined;
  }
}
