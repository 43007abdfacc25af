import { createSocket } from 'node:dgram';
import { chmodSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { systemError } from '../errors.js';
import type { Address } from './address.js';
import {
  DEFAULT_BACKLOG,
  DEFAULT_READ_SIZE,
  type Engine,
  HandleKind,
  type Opened,
  type SocketOptions,
  TUNING_WORDS,
  TuningWord,
} from './engine.js';
import { hostForNode } from './node-address.js';
import { NodeDatagram } from './node-datagram.js';
import { notOnThisEngine } from './node-limits.js';
import { type ListenerOrigin, NodeListener } from './node-listener.js';
import { NodeReactor } from './node-reactor.js';
import { NodeStream } from './node-stream.js';
import { clearPath, pathError } from './node-unix-path.js';

/** Far enough away to wake nobody: Node's longest timer. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * What every socket of this engine is created with. Half-close is the multiplexer's policy, so Node must not end
 * anything by itself. With a high-water mark of one byte a paused socket stops reading after one chunk.
 */
const STREAM_OPTIONS = { allowHalfOpen: true, highWaterMark: 1 } as const;

/**
 * The one option of TCP that Node can set, in milliseconds.
 * @throws NETMUX_NOT_ON_THIS_ENGINE where another one is wished for
 */
function keepAliveDelay({ tuning = new Int32Array(TUNING_WORDS) }: SocketOptions): number {
  if (tuning.some((value, word) => value > 0 && word !== TuningWord.KeepAliveDelay)) throw notOnThisEngine('tuning');
  return 1000 * tuning[TuningWord.KeepAliveDelay]!;
}

/** What makes servers that accept as netmux wants it. */
function serverMaker(options: SocketOptions): () => Server {
  const { noDelay = true, keepAlive = false } = options;
  const keepAliveInitialDelay = keepAliveDelay(options);
  return () => createServer({ ...STREAM_OPTIONS, pauseOnConnect: true, noDelay, keepAlive, keepAliveInitialDelay });
}

/** The engine over `node:net` and `node:dgram`. `docs/engines.md` says what it cannot do as the native one does. */
export class NodeEngine extends NodeReactor implements Engine {
  readonly name = 'node';
  /** No socket keeps Node's loop alive, this does in their place: one switch for all of them. */
  readonly #life = setInterval(() => {}, NEVER_MS).unref();

  async listen(address: Address, options: SocketOptions): Promise<number> {
    if (options.reusePort) throw notOnThisEngine('reusePort');
    const path = address.family === 'unix' ? address.path : undefined;
    const { backlog = DEFAULT_BACKLOG, readSize = DEFAULT_READ_SIZE, limits } = options;
    const another = serverMaker(options);
    const server = another();
    const begin = () =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.once('listening', () => {
          server.removeListener('error', reject);
          resolve();
        });
        server.listen({ ...this.#place(address, options), backlog, exclusive: true });
        // Bound by now, although `listening` is told later: the file is not to be wider open than asked for meanwhile.
        if (server.listening && path !== undefined && !path.startsWith('\0') && options.mode !== undefined) chmodSync(path, options.mode);
      });
    try {
      await begin();
    } catch (error) {
      if (path === undefined) throw error;
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw pathError(error as NodeJS.ErrnoException, path);
      await clearPath(path);
      await begin();
    }
    try {
      return this.install('listen', (slot) => new NodeListener(this, slot, server, { readSize, backlog, path, another, limits })).slot;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  async bind(address: Address, options: SocketOptions): Promise<number> {
    if (address.family === 'unix') throw notOnThisEngine('unixDatagram');
    if (options.reusePort) throw notOnThisEngine('reusePort');
    const { family, host, port } = address;
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: options.ipv6Only ?? false,
      // Hosts are numeric here; Node's own look-up would send them a round through its loop.
      lookup: (numeric, _options, callback) => callback(null, numeric, family),
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ address: hostForNode(host), port, exclusive: true }, () => {
          socket.removeListener('error', reject);
          resolve();
        });
      });
      if (options.broadcast) socket.setBroadcast(true);
      return this.install('bind', (slot) => new NodeDatagram(this, slot, socket, family)).slot;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  connect(address: Address, options: SocketOptions): number {
    const place = this.#place(address, options);
    const keepAliveInitialDelay = keepAliveDelay(options);
    const dial = (): Socket =>
      connect({
        ...STREAM_OPTIONS,
        ...place,
        autoSelectFamily: false,
        noDelay: options.noDelay ?? true,
        keepAlive: options.keepAlive ?? false,
        keepAliveInitialDelay,
      });
    const names = address.family === 'unix' ? { remote: address.path } : undefined;
    const origin = { readSize: options.readSize ?? DEFAULT_READ_SIZE, dial, names };
    return this.install('connect', (slot) => new NodeStream(this, slot, origin)).slot;
  }

  adopt(_descriptor: number, _options: SocketOptions): Opened {
    throw notOnThisEngine('adopt');
  }

  adoptListener(descriptor: number, options: SocketOptions): Opened {
    const { backlog = DEFAULT_BACKLOG, readSize = DEFAULT_READ_SIZE, limits } = options;
    const another = serverMaker(options);
    const server = another();
    server.on('error', () => {}); // what it says in a tick is thrown here
    server.listen({ fd: descriptor }, backlog);
    if (!server.listening) throw systemError(constants.errno.EINVAL, 'listen', { address: `descriptor ${descriptor}` });
    const path = server.address() === null ? (options.path ?? '') : undefined;
    const origin: ListenerOrigin = { readSize, backlog, path, another, limits, isAdopted: true };
    return { slot: this.install('listen', (slot) => new NodeListener(this, slot, server, origin)).slot, kind: HandleKind.Listener };
  }

  setReferenced(on: boolean): void {
    if (on) this.#life.ref();
    else this.#life.unref();
  }

  /** Where to listen or connect, as Node's calls want it. */
  #place(address: Address, { ipv6Only = false }: SocketOptions) {
    if (address.family === 'unix') return { path: address.path };
    return { host: hostForNode(address.host), port: address.port, family: address.family, ipv6Only };
  }
}
