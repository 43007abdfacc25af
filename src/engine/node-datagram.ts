import type { RemoteInfo, Socket } from 'node:dgram';
import { constants } from 'node:os';
import { ADDRESS_BYTES, type CloseMode, HandleKind, Interest, RecordKind } from '../native/contract.js';
import { type Address, encodeAddress } from './address.js';
import { addressFromNode, hostForNode } from './node-address.js';
import { errnoOf, NodeHandle, type NodeTurn } from './node-handle.js';
import { DATAGRAM_OVERHEAD_BYTES, HELD_DATAGRAM_BYTES, notOnThisEngine } from './node-limits.js';

interface Arrival {
  readonly payload: Buffer;
  readonly sender: Address | undefined;
}

/**
 * A UDP socket. Node cannot stop reading one: what comes before `Start` or while paused is kept up to the size of a
 * kernel's receive buffer, and lost beyond it, as the kernel would.
 */
export class NodeDatagram extends NodeHandle {
  readonly kind = HandleKind.Datagram;
  readonly #socket: Socket;
  readonly #family: 4 | 6;
  #arrivals: Arrival[] = [];
  #heldBytes = 0;
  #discarding = false;

  constructor(reactor: NodeTurn, slot: number, socket: Socket, family: 4 | 6) {
    super(reactor, slot);
    this.#socket = socket;
    this.#family = family;
    socket.unref();
    socket.on('message', (payload, sender) => this.#received(payload, sender));
    socket.on('error', (error) => this.#refused(error));
  }

  get readable(): boolean {
    return !this.paused && this.#arrivals.length > 0;
  }

  read(records: Int32Array, at: number): RecordKind | undefined {
    if (!this.readable) return undefined;
    const { payload, sender } = this.#arrivals.shift()!;
    this.#heldBytes -= payload.length + DATAGRAM_OVERHEAD_BYTES;
    const slab = this.reactor.memory.readSlab;
    slab.set(encodeAddress(sender), 0);
    slab.set(payload, ADDRESS_BYTES);
    this.reactor.readSlab = slab;
    records[at + 2] = 0;
    records[at + 3] = payload.length;
    return RecordKind.Datagram;
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
    this.#socket.send(payload, address.port, host, (error) => {
      if (error !== null) this.#refused(error);
      else if (!this.closed) this.reactor.memory.traffic[2 * this.slot + 1]! += bytes;
    });
  }

  override flushOutput(): void {
    this.reactor.memory.unsent[this.slot] = 0;
    if ((this.reactor.memory.interest[this.slot]! & Interest.Drained) !== 0) this.reactor.report(RecordKind.Drained, this);
  }

  override discard(): void {
    this.#discarding = true;
    this.#arrivals = [];
    this.#heldBytes = 0;
  }

  override shutWrite(): void {
    this.reactor.report(RecordKind.Flushed, this);
  }

  end(_mode: CloseMode, freed: () => void): void {
    this.#arrivals = [];
    this.#socket.close();
    freed();
  }

  release(): number {
    throw notOnThisEngine('release');
  }

  address(side: 'local' | 'remote'): Address | undefined {
    if (side === 'remote') return undefined;
    const { address, port } = this.#socket.address();
    return addressFromNode(address, port);
  }

  descriptor(): number {
    // Node hides it.
    return -1;
  }

  #received(payload: Buffer, sender: RemoteInfo): void {
    if (this.closed) return;
    this.reactor.memory.traffic[2 * this.slot]! += payload.length;
    const held = this.#heldBytes + payload.length + DATAGRAM_OVERHEAD_BYTES;
    if (this.#discarding || held > HELD_DATAGRAM_BYTES) return;
    this.#heldBytes = held;
    this.#arrivals.push({ payload, sender: addressFromNode(sender.address, sender.port) });
    this.offerInput();
    this.reactor.turn();
  }

  #refused(error: Error): void {
    if (this.closed) return;
    this.reactor.report(RecordKind.SendFailed, this, errnoOf(error, constants.errno.EIO));
    this.reactor.turn();
  }
}
