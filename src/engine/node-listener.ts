import { closeSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { constants } from 'node:os';
import type { CloseMode } from '../native/contract.js';
import type { Address } from './address.js';
import type { ListenerLimits } from './engine.js';
import { addressFromNode } from './node-address.js';
import { descriptorOf, errnoOf, type NodeTurn } from './node-handle.js';
import { notOnThisEngine } from './node-limits.js';
import { closeKeepingFile, closeKeepingOthers, fileAt } from './node-unix-path.js';
import { duplicate } from './process-calls.js';
import { type Accepted, ListenerHandle } from './reactor/listener.js';

/** How a listener was opened. */
export interface ListenerOrigin {
  readonly readSize: number;
  readonly backlog: number;
  readonly path: string | undefined;
  /** Makes another server like the one that was opened. */
  readonly another: () => Server;
  /** The socket was bound by others: libuv does not know its path. */
  readonly isAdopted?: true;
  readonly limits: ListenerLimits | undefined;
}

/**
 * A listening socket. Node accepts by itself; what comes before `Start` waits here, unread. What comes while paused waits in the
 * kernel, where the addon can take the socket out of Node's hands, and otherwise here as well.
 */
export class NodeListener extends ListenerHandle<Socket, NodeTurn> {
  /** Its UNIX path. */
  readonly #path: string | undefined;
  readonly #another: () => Server;
  #server: Server;
  /** The file that libuv has bound. */
  #file: string | undefined;
  /** The socket while Node does not have it; −1 = it does. */
  #resting = -1;
  /** How many connections may wait here; what comes beyond is closed. */
  readonly #backlog: number;
  /** As it was last asked for: a resting socket has nobody who could be asked. */
  #address: Address | undefined;

  constructor(reactor: NodeTurn, slot: number, server: Server, { readSize, backlog, path, another, isAdopted, limits }: ListenerOrigin) {
    super(reactor, slot, readSize, limits);
    this.#another = another;
    this.#backlog = Math.max(backlog, 1); // as the kernel does
    this.#path = path;
    this.#file = path === undefined || isAdopted ? undefined : fileAt(path);
    this.#server = this.#watched(server);
  }

  get readable(): boolean {
    return (!this.paused || this.#resting >= 0) && this.accepted.length > 0;
  }

  override pause(): void {
    super.pause();
    if (this.#resting >= 0) return;
    this.address('local');
    try {
      this.#resting = duplicate(this.descriptor());
    } catch {
      return; // without the addon, or without descriptors, connections wait here
    }
    const close = () => this.#server.close();
    if (this.#file === undefined) close();
    else closeKeepingFile(this.#path!, close);
    this.#file = undefined; // it stays where it is, and libuv has forgotten about it
  }

  override resume(): void {
    if (this.#resting >= 0) {
      this.#server = this.#watched(this.#another());
      this.#server.listen({ fd: this.#resting }, this.#backlog);
      this.#resting = -1;
    }
    super.resume();
  }

  end(_mode: CloseMode, freed: () => void): void {
    this.shutDoor((socket) => socket.destroy());
    if (this.#resting >= 0) closeSync(this.#resting);
    else if (this.#file === undefined) this.#server.close();
    else closeKeepingOthers(this.#path!, this.#file, () => this.#server.close());
    freed();
  }

  override release(): number {
    throw notOnThisEngine('release');
  }

  address(side: 'local' | 'remote'): Address | undefined {
    if (side === 'remote') return undefined;
    if (this.#path !== undefined) return { family: 'unix', path: this.#path };
    const bound = this.#server.address();
    if (bound !== null && typeof bound !== 'string') this.#address = addressFromNode(bound.address, bound.port);
    return this.#address;
  }

  override descriptor(): number {
    return this.#resting >= 0 ? this.#resting : descriptorOf(this.#server);
  }

  #watched(server: Server): Server {
    server.unref();
    server.on('connection', (socket) => this.#connection(socket));
    server.on('error', (error) => {
      if (!this.closed) this.complain(errnoOf(error, constants.errno.EIO));
      this.reactor.turn();
    });
    return server;
  }

  protected admit(accepted: Accepted<Socket>): number | undefined {
    return this.reactor.admit(accepted, this, this.#path === undefined ? undefined : { local: this.#path });
  }

  protected starve(): void {
    const { connection, pass } = this.accepted.shift()!;
    connection.destroy();
    pass?.leave();
  }

  #connection(socket: Socket): void {
    if (this.closed || this.accepted.length >= this.#backlog) {
      socket.destroy();
      return;
    }
    if (!this.letIn(socket, addressFromNode(socket.remoteAddress, socket.remotePort))) {
      if (this.#path === undefined) socket.resetAndDestroy();
      else socket.destroy();
    }
    this.reactor.turn();
  }
}
