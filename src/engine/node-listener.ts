import { closeSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { constants } from 'node:os';
import { type CloseMode, Counter, HandleKind, RecordKind } from '../native/contract.js';
import type { Address } from './address.js';
import type { ListenerLimits } from './engine.js';
import { addressFromNode } from './node-address.js';
import { Door, type Pass } from './node-admission.js';
import { descriptorOf, errnoOf, NodeHandle, type NodeTurn } from './node-handle.js';
import { LISTENER_ERROR_INTERVAL_MS, notOnThisEngine } from './node-limits.js';
import { closeKeepingFile, closeKeepingOthers, fileAt } from './node-unix-path.js';
import { duplicate } from './process-calls.js';

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

/** A connection that waits to be announced. */
interface Accepted {
  readonly socket: Socket;
  readonly pass: Pass | undefined;
}

/**
 * A listening socket. Node accepts by itself; what comes before `Start` waits here, unread. What comes while paused waits in the
 * kernel, where the addon can take the socket out of Node's hands, and otherwise here as well.
 */
export class NodeListener extends NodeHandle {
  readonly kind = HandleKind.Listener;
  /** Bytes that one read of its connections delivers. */
  readonly readSize: number;
  /** Its UNIX path. */
  readonly path: string | undefined;
  /** Its limits. */
  readonly door: Door | undefined;
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
  #accepted: Accepted[] = [];
  #reportTimer: NodeJS.Timeout | undefined;
  #lastError_ms = Number.NEGATIVE_INFINITY;

  constructor(reactor: NodeTurn, slot: number, server: Server, { readSize, backlog, path, another, isAdopted, limits }: ListenerOrigin) {
    super(reactor, slot);
    this.door = limits && new Door(limits, reactor.now());
    this.#another = another;
    this.#backlog = Math.max(backlog, 1); // as the kernel does
    this.readSize = readSize;
    this.path = path;
    this.#file = path === undefined || isAdopted ? undefined : fileAt(path);
    this.#server = this.#watched(server);
  }

  get readable(): boolean {
    return (!this.paused || this.#resting >= 0) && this.#accepted.length > 0;
  }

  read(records: Int32Array, at: number): RecordKind | undefined {
    if (!this.readable) return undefined;
    const { socket, pass } = this.#accepted.shift()!;
    const stream = this.reactor.admit(socket, this, pass);
    if (stream === undefined) {
      socket.destroy();
      pass?.leave();
      this.reactor.memory.counters[Counter.AcceptPauses]! += 1;
      if (this.#mayComplain()) this.reactor.report(RecordKind.ListenerError, this, constants.errno.EMFILE);
      return undefined;
    }
    records[at] = stream.slot << 8;
    records[at + 1] = this.reactor.memory.generation[stream.slot]!;
    records[at + 2] = this.slot;
    records[at + 3] = 0;
    return RecordKind.Accept;
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
    else closeKeepingFile(this.path!, close);
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
    for (const { socket, pass } of this.#accepted) {
      socket.destroy();
      pass?.leave();
    }
    this.#accepted = [];
    clearTimeout(this.#reportTimer);
    this.door?.close();
    if (this.#resting >= 0) closeSync(this.#resting);
    else if (this.#file === undefined) this.#server.close();
    else closeKeepingOthers(this.path!, this.#file, () => this.#server.close());
    freed();
  }

  release(): number {
    throw notOnThisEngine('release');
  }

  address(side: 'local' | 'remote'): Address | undefined {
    if (side === 'remote') return undefined;
    if (this.path !== undefined) return { family: 'unix', path: this.path };
    const bound = this.#server.address();
    if (bound !== null && typeof bound !== 'string') this.#address = addressFromNode(bound.address, bound.port);
    return this.#address;
  }

  descriptor(): number {
    return this.#resting >= 0 ? this.#resting : descriptorOf(this.#server);
  }

  #watched(server: Server): Server {
    server.unref();
    server.on('connection', (socket) => this.#connection(socket));
    server.on('error', (error) => {
      if (!this.closed && this.#mayComplain()) this.reactor.report(RecordKind.ListenerError, this, errnoOf(error, constants.errno.EIO));
      this.reactor.turn();
    });
    return server;
  }

  #connection(socket: Socket): void {
    if (this.closed || this.#accepted.length >= this.#backlog) {
      socket.destroy();
      return;
    }
    const pass = this.door?.admit(addressFromNode(socket.remoteAddress, socket.remotePort), this.reactor.now());
    if (this.door !== undefined && pass === undefined) {
      if (this.path === undefined) socket.resetAndDestroy();
      else socket.destroy();
      this.#reportRefusals();
      return;
    }
    this.#accepted.push({ socket, pass });
    this.offerInput();
    this.reactor.turn();
  }

  /** Tells of refusals, now or when they may be told again. */
  #reportRefusals(): void {
    const now = this.reactor.now();
    const due = this.door?.reportDue;
    if (due === undefined || this.closed || this.#reportTimer !== undefined) return;
    if (due > now) {
      this.#reportTimer = setTimeout(() => {
        this.#reportTimer = undefined;
        this.#reportRefusals();
      }, due - now).unref();
      return;
    }
    for (const { reason, count } of this.door!.takeReport(now)) this.reactor.report(RecordKind.Refused, this, reason, count);
    this.reactor.turn();
  }

  #mayComplain(): boolean {
    const now = this.reactor.now();
    if (now - this.#lastError_ms < LISTENER_ERROR_INTERVAL_MS) return false;
    this.#lastError_ms = now;
    return true;
  }
}
