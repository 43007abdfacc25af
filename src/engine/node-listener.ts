import type { Server, Socket } from 'node:net';
import { constants } from 'node:os';
import { type CloseMode, HandleKind, RecordKind } from '../native/contract.js';
import type { Address } from './address.js';
import { addressFromNode } from './node-address.js';
import { descriptorOf, errnoOf, NodeHandle, type NodeTurn } from './node-handle.js';
import { LISTENER_ERROR_INTERVAL_MS, notOnThisEngine } from './node-limits.js';
import { closeKeepingOthers, fileAt } from './node-unix-path.js';

/** How a listener was opened. */
export interface ListenerOrigin {
  readonly readSize: number;
  readonly backlog: number;
  readonly path: string | undefined;
}

/** A listening socket. Node accepts by itself; what comes before `Start` or while paused waits here, unread. */
export class NodeListener extends NodeHandle {
  readonly kind = HandleKind.Listener;
  /** Bytes that one read of its connections delivers. */
  readonly readSize: number;
  /** Its UNIX path. */
  readonly path: string | undefined;
  readonly #server: Server;
  /** The file that was bound. */
  readonly #file: string | undefined;
  /** How many connections may wait here; what comes beyond is closed. */
  readonly #backlog: number;
  #accepted: Socket[] = [];
  #lastError_ms = Number.NEGATIVE_INFINITY;

  constructor(reactor: NodeTurn, slot: number, server: Server, { readSize, backlog, path }: ListenerOrigin) {
    super(reactor, slot);
    this.#server = server;
    this.#backlog = Math.max(backlog, 1); // as the kernel does
    this.readSize = readSize;
    this.path = path;
    this.#file = path === undefined ? undefined : fileAt(path);
    server.unref();
    server.on('connection', (socket) => this.#connection(socket));
    server.on('error', (error) => {
      if (!this.closed && this.#mayComplain()) reactor.report(RecordKind.ListenerError, this, errnoOf(error, constants.errno.EIO));
      reactor.turn();
    });
  }

  get readable(): boolean {
    return !this.paused && this.#accepted.length > 0;
  }

  read(records: Int32Array, at: number): RecordKind | undefined {
    if (!this.readable) return undefined;
    const socket = this.#accepted.shift()!;
    const stream = this.reactor.admit(socket, this);
    if (stream === undefined) {
      socket.destroy();
      if (this.#mayComplain()) this.reactor.report(RecordKind.ListenerError, this, constants.errno.EMFILE);
      return undefined;
    }
    records[at] = stream.slot << 8;
    records[at + 1] = this.reactor.memory.generation[stream.slot]!;
    records[at + 2] = this.slot;
    records[at + 3] = 0;
    return RecordKind.Accept;
  }

  end(_mode: CloseMode, freed: () => void): void {
    for (const socket of this.#accepted) socket.destroy();
    this.#accepted = [];
    if (this.path === undefined) this.#server.close();
    else closeKeepingOthers(this.path, this.#file, () => this.#server.close());
    freed();
  }

  release(): number {
    throw notOnThisEngine('release');
  }

  address(side: 'local' | 'remote'): Address | undefined {
    if (side === 'remote') return undefined;
    if (this.path !== undefined) return { family: 'unix', path: this.path };
    const bound = this.#server.address();
    return bound === null || typeof bound === 'string' ? undefined : addressFromNode(bound.address, bound.port);
  }

  descriptor(): number {
    return descriptorOf(this.#server);
  }

  #connection(socket: Socket): void {
    if (this.closed || this.#accepted.length >= this.#backlog) {
      socket.destroy();
      return;
    }
    this.#accepted.push(socket);
    this.offerInput();
    this.reactor.turn();
  }

  #mayComplain(): boolean {
    const now = this.reactor.now();
    if (now - this.#lastError_ms < LISTENER_ERROR_INTERVAL_MS) return false;
    this.#lastError_ms = now;
    return true;
  }
}
