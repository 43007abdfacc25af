import { closeSync, lchownSync, lstatSync, unlinkSync } from 'node:fs';
import type { Listener } from '../mux/handle.js';
import type { Mux } from '../mux/mux.js';
import { activatedEntry, type BindSpec, bindFailureText, bindingText, boundSocketEntry, boundText, socketKey } from './bind-spec.js';
import type { BoundSocket, BoundSockets } from './bound-sockets.js';
import type { Belonging } from './daemon/belonging.js';
import { pathInside } from './daemon/chroot.js';
import { listenOptionsOf } from './resolve-ports.js';
import type { InheritedSocket } from './systemd.js';

const NOTICE = 2;
const INFORMATION = 3;

/** The addresses that stand for all. */
const WILDCARDS = ['*', '::', '0.0.0.0'];

/** A socket of the server, and where it comes from. */
type Origin = { readonly spec: BindSpec } | { readonly name: string };
type OwnSocket<Client> = Origin & { readonly listener: Listener<Client> };

/** Opens the sockets of a server, one after the other, so that a failure leaves no doubt which one it was. */
export class Binding<Client> implements Belonging {
  readonly name = 'the sockets';
  readonly #mux: Mux<Client>;
  readonly #log: (level: number, text: string) => void;
  #sockets: OwnSocket<Client>[] = [];
  /** What a restart has bound already for the program that comes: nobody is accepted there. */
  #added: OwnSocket<Client>[] = [];

  constructor(mux: Mux<Client>, log: (level: number, text: string) => void) {
    this.#mux = mux;
    this.#log = log;
  }

  get listeners(): Listener<Client>[] {
    return this.#sockets.map(({ listener }) => listener);
  }

  /** Gives away the files of UNIX sockets. */
  chown(uid: number, gid: number): void {
    for (const { path } of this.listeners) if (path !== undefined && !path.startsWith('\0')) lchownSync(path, uid, gid);
  }

  /** A file that lies outside stays when the server ends; the next one replaces it. */
  rootChanged(root: string): void {
    this.#mux.dispatcher.paths.rename((path) => pathInside(root, path));
  }

  /** Whether a service manager has opened sockets. */
  get isActivated(): boolean {
    return this.#sockets.some((socket) => 'name' in socket);
  }

  /**
   * Takes over the sockets that a service manager has opened, and those that the program before a restart had, and binds what is
   * configured beside them.
   * @throws Error in the original's words, with the `code` of its cause
   */
  async open(specs: readonly BindSpec[], activated: readonly InheritedSocket[], bound: BoundSockets): Promise<void> {
    for (const socket of activated) this.#sockets.push({ name: socket.name, listener: await this.#takeOver(socket) });
    const handedOver = this.listeners;
    const wanted = specs.filter((spec) => !handedOver.some((listener) => this.#serves(listener, spec)));
    const kept = new Map(wanted.map((spec) => [spec, bound.find(socketKey(spec))]));
    // Where a port has changed its host, the old socket stands in the way of the new one.
    for (const socket of bound.rest()) this.#closeUnmapped(socket);
    for (const spec of wanted) {
      const socket = kept.get(spec);
      if (socket === undefined && bound.isRestart) this.#log(NOTICE, 'Added new port configuration');
      const listener = socket === undefined ? await this.#bind(spec) : await this.#reuse(socket, spec);
      this.#sockets.push({ spec, listener });
    }
  }

  /**
   * Binds what a new configuration has beside the present one, so that a restart cannot fail for want of it.
   * @throws as `open`
   */
  async prepare(specs: readonly BindSpec[]): Promise<void> {
    const own = this.#sockets.flatMap((socket) => ('spec' in socket ? [socket.spec] : []));
    const activated = this.#sockets.flatMap((socket) => ('name' in socket ? [socket.listener] : []));
    for (const spec of specs) {
      const at = own.findIndex((known) => socketKey(known) === socketKey(spec));
      if (at >= 0) own.splice(at, 1);
      else if (!activated.some((listener) => this.#serves(listener, spec))) await this.#add(spec);
    }
  }

  /** What `prepare` has bound is closed again. */
  undo(): void {
    for (const { listener } of this.#added) this.#mux.close(listener);
    this.#added = [];
  }

  /** Connections wait in the kernel from now on, or are accepted again. */
  setPaused(isPaused: boolean): void {
    for (const listener of this.listeners) {
      if (isPaused) listener.pause();
      else listener.resume();
    }
  }

  /** The descriptors to be left open for the program that comes, and what it has to know of them: entries of `BOUND_SOCKETS`. */
  handOver(): { readonly descriptors: number[]; readonly entries: string[] } {
    // A descriptor that is not known cannot be handed over.
    const sockets = [...this.#sockets, ...this.#added].filter(({ listener }) => listener.fd >= 0);
    return {
      descriptors: sockets.map(({ listener }) => listener.fd),
      entries: sockets.map((socket) => {
        const { listener } = socket;
        if ('name' in socket) return activatedEntry(listener.fd, socket.name);
        return boundSocketEntry(listener.fd, socket.spec, listener.localPort ?? 0);
      }),
    };
  }

  async #bind(spec: BindSpec): Promise<Listener<Client>> {
    this.#log(NOTICE, bindingText(spec));
    try {
      const listener = await this.#mux.listen(await listenOptionsOf(spec)).ready;
      const news = boundText(spec, listener.localPort ?? 0);
      if (news !== undefined) this.#log(NOTICE, news);
      return listener;
    } catch (error) {
      throw bindFailure(spec, error as Error);
    }
  }

  async #add(spec: BindSpec): Promise<void> {
    this.#log(NOTICE, 'Added new port configuration');
    this.#log(NOTICE, bindingText(spec));
    const listener = this.#mux.listen(await listenOptionsOf(spec));
    listener.pause();
    this.#mux.setCallbackObject({}, listener); // nobody is told of its end
    try {
      this.#added.push({ spec, listener: await listener.ready });
    } catch (error) {
      const isOwn = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' && this.#holdsPortOf(spec);
      if (!isOwn) throw bindFailure(spec, error as Error);
      // The port moves to another address: it is bound by the program that comes, when it has closed the socket here.
    }
  }

  #holdsPortOf({ proto, port }: BindSpec): boolean {
    return this.#sockets.some((socket) => 'spec' in socket && socket.spec.proto === proto && socket.listener.localPort === port);
  }

  async #reuse({ fd, port }: BoundSocket, spec: BindSpec): Promise<Listener<Client>> {
    const place = spec.path === undefined ? `on [${spec.host}]:${port}, using IPv${spec.ipv}` : `at "${spec.path}"`;
    this.#log(INFORMATION, `Reassociating file descriptor ${fd} with ${spec.proto.toUpperCase()} ${place}`);
    const { backlog, noDelay, keepAlive } = spec.socket;
    const listener = this.#mux.listen({
      fd,
      ...(spec.path === undefined ? {} : { path: spec.path.replace(/^@/, '\0') }),
      ...(backlog === undefined ? {} : { backlog }),
      ...(noDelay === undefined ? {} : { noDelay }),
      ...(keepAlive === undefined ? {} : { keepAlive }),
    });
    const ready = await listener.ready;
    if (spec.path === undefined && spec.port === 0) this.#log(NOTICE, `  Re-bound to previously assigned port ${port}`);
    return ready;
  }

  /** The configuration has lost a port. */
  #closeUnmapped({ fd, key, path }: BoundSocket): void {
    this.#log(NOTICE, `Closing un-mapped port (${key}) on fd ${fd}`);
    closeSync(fd);
    if (path === undefined) return;
    try {
      if (lstatSync(path).isSocket()) unlinkSync(path);
    } catch {
      // It is gone, or out of reach for the present user: nobody listens on it any more.
    }
  }

  #takeOver({ descriptor, name }: InheritedSocket): Promise<Listener<Client>> {
    this.#log(NOTICE, `Taking over socket "${name}" on descriptor ${descriptor}`);
    return this.#mux.listen({ fd: descriptor }).ready;
  }

  /** Whether a socket that was handed over is what a port asks for. Where one of them is of all addresses, the other could not be bound. */
  #serves(listener: Listener<Client>, { path, port, host, proto }: BindSpec): boolean {
    if (this.#mux.isUdp(listener) !== (proto === 'udp' || proto === 'unixdgram')) return false;
    if (path !== undefined || listener.localPort === undefined) return path === listener.localAddress;
    const address = listener.localAddress!;
    return port === listener.localPort && (host === address || WILDCARDS.includes(host) || WILDCARDS.includes(address));
  }
}

function bindFailure(spec: BindSpec, error: Error): Error {
  const { code } = error as NodeJS.ErrnoException;
  return Object.assign(new Error(bindFailureText(spec, error), { cause: error }), { code });
}
