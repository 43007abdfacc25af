/**
 * Lets the tests of sockets run on the engine in memory: its clock goes with the real one, and its peers have the looks of Node's
 * sockets.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Peer, type Place, TestNetwork } from '../src/testing/index.js';

/** How often the clock goes on. */
const TICK_MS = 1;

/** As large as the kernel's, so that the same amounts fit, or do not. */
const SOCKET_BUFFER_BYTES = 2 * 1024 * 1024;

/** More than any of these tests opens. */
const MAX_HANDLES = 16_384;

const MS_PER_SECOND = 1000;

const sockets = new Set<MemorySocket>();

let network = new TestNetwork();

/** Begins a test: nothing is left of the network of the one before. */
export function openMemoryNetwork(): void {
  sockets.clear();
  network = new TestNetwork({ socketBuffer: SOCKET_BUFFER_BYTES, maxHandles: MAX_HANDLES });
  const own = network;
  let last = performance.now();
  const clock = setInterval(() => {
    const now = performance.now();
    own.advance((now - last) / MS_PER_SECOND);
    last = now;
    for (const socket of sockets) socket.look();
  }, TICK_MS).unref();
  onTestFinished(() => clearInterval(clock));
}

/** The network of this test. */
export function memoryNetwork(): TestNetwork {
  return network;
}

/** A client that looks like a socket of Node's, as far as the tests know one. */
export function connectInMemory(to: Place, paused: boolean): Socket {
  return new MemorySocket(network.connect({ ...to, paused })) as unknown as Socket;
}

class MemorySocket extends EventEmitter {
  readonly #peer: Peer;
  /** Who waits for what was written to be sent. */
  #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor(peer: Peer) {
    super();
    this.#peer = peer;
    sockets.add(this);
  }

  get localPort(): number {
    return this.#peer.localPort;
  }

  get remotePort(): number {
    return this.#peer.remotePort;
  }

  write(bytes: string | Uint8Array, done: () => void = () => {}): void {
    this.#peer.write(bytes);
    this.#waiting.push(done);
  }

  end(bytes: string | Uint8Array = '', done: () => void = () => {}): void {
    this.#peer.end(bytes);
    this.#waiting.push(done);
  }

  resume(): void {
    this.#peer.resume();
  }

  resetAndDestroy(): void {
    this.#leave(() => this.#peer.reset());
  }

  destroy(): void {
    this.#leave(() => this.#peer.close());
  }

  /** Tells what has happened since the last time. */
  look(): void {
    const { ended, unsent } = this.#peer;
    const bytes = this.#peer.received();
    if (bytes.length > 0) this.emit('data', bytes);
    if (unsent === 0) for (const done of this.#waiting.splice(0)) done();
    if (ended === undefined || this.#hasEnded) return;
    this.#hasEnded = true;
    if (ended === 'fin') {
      this.emit('end');
      return;
    }
    sockets.delete(this);
    this.emit('error', Object.assign(new Error(ended), { code: ended }));
    this.emit('close');
  }

  #leave(leave: () => void): void {
    if (!sockets.delete(this)) return;
    leave();
    this.emit('close');
  }
}
