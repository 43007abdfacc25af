import type { RemoteInfo, Socket } from 'node:dgram';
import { constants } from 'node:os';
import { type CloseMode, RecordKind } from '../native/contract.js';
import type { Address } from './address.js';
import { addressFromNode, hostForNode } from './node-address.js';
import { errnoOf, type NodeTurn } from './node-handle.js';
import { notOnThisEngine } from './node-limits.js';
import { DatagramHandle } from './reactor/datagram.js';

/** A UDP socket. Node cannot stop reading one, so the queue is kept here. Node hides its descriptor. */
export class NodeDatagram extends DatagramHandle<NodeTurn> {
  readonly #socket: Socket;
  readonly #family: 4 | 6;

  constructor(reactor: NodeTurn, slot: number, socket: Socket, family: 4 | 6) {
    super(reactor, slot);
    this.#socket = socket;
    this.#family = family;
    socket.unref();
    socket.on('message', (payload, sender) => this.#received(payload, sender));
    socket.on('error', (error) => this.#refused(error));
  }

  override send(address: Address | undefined, payload: Buffer): void {
    const { EAFNOSUPPORT, EDESTADDRREQ, EINVAL } = constants.errno;
    if (address === undefined || address.family === 'unix' || address.family > this.#family || address.port === 0) {
      const errno = address === undefined ? EDESTADDRREQ : address.family === 'unix' || address.port > 0 ? EAFNOSUPPORT : EINVAL;
      this.reactor.report(RecordKind.SendFailed, this, errno);
      return;
    }
    // The kernel takes an IPv4 address on an IPv6 socket; libuv only in its mapped form.
    const host = address.family < this.#family ? `::ffff:${address.host}` : hostForNode(address.host);
    const bytes = payload.length;
    const { traffic } = this.reactor.memory;
    traffic[2 * this.slot + 1]! += bytes; // libuv sends at once; who hears of it may come too late to count it
    this.#socket.send(payload, address.port, host, (error) => {
      if (error === null) return;
      if (!this.closed) traffic[2 * this.slot + 1]! -= bytes;
      this.#refused(error);
    });
  }

  end(_mode: CloseMode, freed: () => void): void {
    this.#socket.close();
    freed();
  }

  override release(): number {
    throw notOnThisEngine('release');
  }

  address(side: 'local' | 'remote'): Address | undefined {
    if (side === 'remote') return undefined;
    const { address, port } = this.#socket.address();
    return addressFromNode(address, port);
  }

  #received(payload: Buffer, sender: RemoteInfo): void {
    if (this.closed) return;
    this.receive(payload, addressFromNode(sender.address, sender.port));
    this.reactor.turn();
  }

  #refused(error: Error): void {
    if (this.closed) return;
    this.reactor.report(RecordKind.SendFailed, this, errnoOf(error, constants.errno.EIO));
    this.reactor.turn();
  }
}
