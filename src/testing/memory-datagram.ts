import { constants } from 'node:os';
import { type Address, RecordKind } from '../engine/engine.js';
import { DatagramHandle } from '../engine/reactor/datagram.js';
import type { AddressBook, Bound, Receiver } from './address-book.js';
import type { MemoryTurn } from './memory-turn.js';

/** A datagram socket. */
export class MemoryDatagram extends DatagramHandle<MemoryTurn> implements Receiver {
  #place!: Bound;
  readonly #book: AddressBook;

  constructor(reactor: MemoryTurn, slot: number, book: AddressBook) {
    super(reactor, slot);
    this.#book = book;
  }

  open(place: Bound): void {
    this.#place = place;
  }

  override send(address: Address | undefined, payload: Buffer): void {
    const problem = this.#problemWith(address);
    if (problem !== undefined) {
      this.reactor.report(RecordKind.SendFailed, this, problem);
      return;
    }
    this.reactor.memory.traffic[2 * this.slot + 1]! += payload.length;
    this.#book.send(this.#place.address, address!, payload);
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
