import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { CloseMode, RecordKind } from '../native/contract.js';
import type { Address } from './address.js';
import { addressFromNode, type UnixNames } from './node-address.js';
import { descriptorOf, errnoOf, type NodeTurn } from './node-handle.js';
import { CONNECT_RETRY_MS, PIECE_BYTES } from './node-limits.js';
import { Linger } from './node-linger.js';
import { disown, own, type SocketOwner } from './node-socket.js';
import type { Batch } from './reactor/handle.js';
import { StreamHandle } from './reactor/stream.js';
import type { TimeWatch } from './reactor/time-watch.js';

const { EAGAIN, EFAULT, EPIPE } = constants.errno;

/** How a stream came to be. */
export interface StreamOrigin {
  readonly readSize: number;
  readonly names: UnixNames | undefined;
  /** Begins to connect; undefined for an accepted connection. May be asked again, see `CONNECT_RETRY_MS`. */
  readonly dial?: () => Socket;
}

/**
 * A connection. Node's socket sends and receives; what is queued beyond one piece, and when an end is reported, is
 * kept here, because the contract is stricter than Node's streams.
 */
export class NodeStream extends StreamHandle<NodeTurn> implements SocketOwner {
  #socket: Socket;
  readonly #origin: StreamOrigin;
  /** An outgoing connection whose outcome was not reported. */
  #connecting: boolean;
  /** The outcome, 0 or an errno, once it is known; it may wait for `Start`. */
  #outcome: number | undefined;
  /** Node has given up the socket. */
  #gone = false;

  #chunks: Buffer[] = [];
  /** Bytes of the first chunk that were reported. */
  #offset = 0;
  /** How input ended: 0 or an errno. */
  #end: number | undefined;
  #endReported = false;
  #discarding = false;
  #flowing = false;

  /** Bytes of the piece that the socket has and the kernel has not wholly taken. */
  #inFlight: Uint8Array | undefined;
  #ending = false;
  #localAddress: Address | undefined;

  constructor(reactor: NodeTurn, slot: number, origin: StreamOrigin, accepted?: Socket, watch?: TimeWatch) {
    super(reactor, slot, watch);
    this.#origin = origin;
    this.#connecting = accepted === undefined;
    this.#socket = this.#adopt(accepted ?? origin.dial!());
    if (accepted === undefined) return;
    this.started = true;
    this.#rememberAddresses();
  }

  get readable(): boolean {
    return this.#hasInput || (this.#gone && this.#owesOutput);
  }

  override start(): void {
    this.started = true;
    if (this.#connecting) this.#reportOutcome();
    this.#regulate();
  }

  override pause(): void {
    super.pause();
    this.#regulate();
  }

  override resume(): void {
    super.resume();
    this.#regulate();
  }

  override discard(report: boolean): void {
    this.#discarding = true;
    this.#chunks = [];
    if (report && !this.#endReported) {
      this.#endReported = true;
      this.reactor.report(RecordKind.Eof, this);
    } else if (this.#gone && !this.#endReported) {
      this.fail(this.#end || EPIPE); // a paused reader was not told of the reset, and nobody else will be
    }
    this.#regulate();
  }

  read(batch: Batch): boolean {
    if (!this.#hasInput) {
      if (this.#gone) this.#settle();
      return true;
    }
    let chunk = this.#chunks[0];
    if (chunk !== undefined && chunk.length <= this.#offset) {
      // Who was shown its first part has transferred it, and the rest with it. A stream with a gap would be worse than none.
      this.#end = EFAULT;
      this.discard(false);
      chunk = undefined;
    }
    if (chunk === undefined) {
      this.#endReported = true;
      batch.record(RecordKind.Eof, this.slot, this.#end!, 0);
      return false;
    }
    const length = Math.min(this.#origin.readSize, chunk.length - this.#offset);
    this.reactor.readSlab = chunk;
    batch.record(RecordKind.Data, this.slot, this.#offset, length);
    this.#offset += length;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
      this.#regulate();
    }
    return false;
  }

  override shutWrite(): void {
    this.shutWanted = true;
    if (this.#gone) this.#settle();
    else if (!this.#connecting && this.unsent === 0) this.shut();
  }

  override outbox(): Buffer {
    return this.#inFlight === undefined ? super.outbox() : Buffer.concat([this.#inFlight, super.outbox()]);
  }

  end(mode: CloseMode, freed: () => void, lingerMs: number): void {
    const socket = this.#socket;
    this.#forget();
    if (mode === CloseMode.Linger && !this.#connecting && !this.#gone && !this.hasFailed && this.#end === undefined) {
      new Linger(socket, lingerMs, freed);
      return;
    }
    // A reset needs a connection, and a UNIX socket has none to send.
    if (mode === CloseMode.Reset && !this.#connecting && this.#origin.names === undefined) socket.resetAndDestroy();
    else socket.destroy();
    freed();
  }

  override release(): number {
    const socket = this.#socket;
    const descriptor = descriptorOf(socket);
    this.#forget();
    socket.pause();
    // `pause` alone lets Node read one more chunk, which then belongs to whoever has the descriptor now.
    (socket as { _handle?: { readStop?(): void } | null })._handle?.readStop?.();
    return descriptor;
  }

  address(side: 'local' | 'remote'): Address | undefined {
    const names = this.#origin.names;
    if (names !== undefined) {
      const path = names[side];
      return path === undefined ? undefined : { family: 'unix', path };
    }
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    return side === 'local' ? (addressFromNode(localAddress, localPort) ?? this.#localAddress) : addressFromNode(remoteAddress, remotePort);
  }

  override descriptor(): number {
    return descriptorOf(this.#socket);
  }

  /** After a reset nobody knows who has left. Node's socket keeps the peer that it was asked for before, but not its own address. */
  #rememberAddresses(): void {
    this.#localAddress = this.address('local');
    this.address('remote');
  }

  // What Node's socket tells (SocketOwner).

  connected(): void {
    this.#rememberAddresses();
    this.#outcome = 0;
    this.#reportOutcome();
    this.reactor.turn();
  }

  received(chunk: Buffer): void {
    this.countReceived(chunk.length);
    if (this.#discarding) return;
    this.#chunks.push(chunk);
    this.offerInput();
    this.reactor.turn();
    if (!this.closed) this.#regulate();
  }

  ended(): void {
    this.#end ??= 0;
    this.offerInput();
    this.reactor.turn();
  }

  drained(): void {
    // Also called for pieces that the kernel took at once, while the next is already under way.
    if (this.#inFlight === undefined || this.#socket.writableLength > 0) return;
    this.countSent(this.#inFlight.length);
    this.reactor.memory.unsent[this.slot]! -= this.#inFlight.length;
    this.#inFlight = undefined;
    this.#sendLater();
    this.reactor.turn();
  }

  finished(): void {
    this.reportFlushed();
    this.reactor.turn();
  }

  failed(error: NodeJS.ErrnoException): void {
    if (this.#connecting && this.#outcome === undefined) {
      const errno = errnoOf(error, EPIPE);
      if (errno === EAGAIN && this.#origin.names !== undefined) {
        this.#dialLater();
        return;
      }
      this.#gone = true;
      this.#outcome = errno;
      this.#reportOutcome();
    } else if (this.#connecting) {
      // Established, and lost before `Start`: first things first.
      this.#gone = true;
      this.#end ??= errnoOf(error, EPIPE);
    } else {
      this.#gone = true;
      // Who reads nothing any more hears of a reset as of a failed write, or never.
      if (error.syscall === 'read' && !this.#discarding) {
        this.#end ??= errnoOf(error, EPIPE);
        this.offerInput();
        this.#settle();
      } else {
        this.fail(errnoOf(error, EPIPE));
      }
    }
    this.reactor.turn();
  }

  vanished(): void {
    if (this.#connecting) return;
    this.#gone = true;
    this.#settle();
    this.reactor.turn();
  }

  #adopt(socket: Socket): Socket {
    this.#flowing = false;
    own(socket, this);
    return socket;
  }

  #forget(): void {
    disown(this.#socket);
    this.#chunks = [];
    this.queue.clear();
  }

  #dialLater(): void {
    setTimeout(() => {
      if (!this.closed) this.#socket = this.#adopt(this.#origin.dial!());
    }, CONNECT_RETRY_MS).unref();
  }

  #reportOutcome(): void {
    if (!this.started || this.#outcome === undefined) return;
    this.#connecting = false;
    if (this.#outcome === 0) {
      this.reactor.report(RecordKind.Connected, this);
      this.offerInput();
      this.#sendLater();
      this.#regulate();
      return;
    }
    this.fail(this.#outcome, RecordKind.ConnectFailed);
  }

  /** Lets the socket read exactly while what it brings can be reported at once. */
  #regulate(): void {
    const flowing = this.started && !this.#connecting && (this.#discarding || (!this.paused && this.#chunks.length === 0));
    if (flowing === this.#flowing || this.#gone) return;
    this.#flowing = flowing;
    if (flowing) this.#socket.resume();
    else this.#socket.pause();
  }

  get #hasInput(): boolean {
    return !this.paused && !this.#discarding && (this.#chunks.length > 0 || (this.#end !== undefined && !this.#endReported));
  }

  protected override get unsent(): number {
    return this.queue.size + (this.#inFlight?.length ?? 0);
  }

  /** As `sendQueued`, while the ring may hold writes that `unsent` counts, too. */
  #sendLater(): void {
    const before = this.unsent;
    this.sendQueued();
    this.reactor.memory.unsent[this.slot]! += this.unsent - before;
  }

  protected sendQueued(): void {
    if (this.#connecting || this.hasFailed || this.#inFlight !== undefined) return;
    const socket = this.#socket;
    // A destroyed socket still owes its error, which says what to report.
    if (socket.destroyed && !this.#gone) return;
    while (this.queue.size > 0 && !this.#gone) {
      const piece = this.queue.take(PIECE_BYTES);
      if (piece === undefined) {
        this.fail(EFAULT);
        return;
      }
      socket.write(piece);
      // What the kernel takes at once has left `writableLength` when `write` returns.
      if (socket.writableLength > 0 || socket.errored !== null) {
        this.#inFlight = piece;
        return;
      }
      this.countSent(piece.length);
    }
    if (this.#gone) this.#settle();
    else this.emptied();
  }

  protected shut(): void {
    if (this.#ending || this.hasFailed) return;
    this.#ending = true;
    this.#socket.end();
  }

  /** Whether there is output that was neither sent nor reported failed, or a shutdown without an answer. */
  get #owesOutput(): boolean {
    return !this.hasFailed && (this.unsent > 0 || (this.shutWanted && !this.hasFlushed));
  }

  /**
   * The socket is gone: answers what output is still owed. The end of input comes first, in a batch of its own: who is
   * told of it is to see that output was queued.
   */
  #settle(): void {
    if (this.#hasInput) return;
    if (this.unsent > 0) this.fail(EPIPE);
    else if (this.shutWanted) this.reportFlushed();
  }

  protected override fail(errno: number, as?: RecordKind): void {
    this.#inFlight = undefined;
    super.fail(errno, as);
  }
}
