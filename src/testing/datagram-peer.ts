import type { Address } from '../engine/engine.js';
import type { AddressBook, Bound } from './address-book.js';
import type { PeerNetwork } from './peer.js';
import { addressOf, type Place } from './place.js';

/** A datagram that was received. */
export interface ReceivedDatagram {
  /** The payload, which may be empty. */
  readonly data: Buffer;
  /** The sender; '' is the path of one without a name. */
  readonly from: { readonly host: string; readonly port: number } | { readonly path: string };
}

/** A datagram socket outside of the multiplexer. */
export class DatagramPeer {
  readonly #network: PeerNetwork;
  readonly #book: AddressBook;
  readonly #place: Bound;
  readonly #received: ReceivedDatagram[] = [];

  /** @internal */
  constructor(network: PeerNetwork, book: AddressBook, address: Address) {
    this.#network = network;
    this.#book = book;
    this.#place = book.bind(address, this);
  }

  /** 0 of a UNIX socket. */
  get port(): number {
    const { address } = this.#place;
    return address.family === 'unix' ? 0 : address.port;
  }

  /** Sends one datagram; text as UTF-8. Where nobody is bound it is lost. */
  send(data: string | Uint8Array, to: Place): this {
    this.#book.send(this.#place.address, addressOf('send', to), Buffer.from(typeof data === 'string' ? Buffer.from(data) : data));
    this.#network.run();
    return this;
  }

  /** What has come since the last call. */
  received(): ReceivedDatagram[] {
    this.#network.run();
    return this.#received.splice(0);
  }

  /** Gives up its place in the network: from here on nothing reaches it. */
  close(): void {
    this.#place.unbind();
  }

  /** @internal */
  receive(data: Buffer, sender: Address): void {
    this.#received.push({ data, from: sender.family === 'unix' ? { path: sender.path } : { host: sender.host, port: sender.port } });
  }
}
