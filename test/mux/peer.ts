import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { currentEngine } from '../engines.js';
import { connectInMemory } from '../memory-sockets.js';
import { SLOWNESS } from '../patience.js';

const PATIENCE_MS = 10_000 * SLOWNESS;

export interface PeerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** `false`: takes nothing from the kernel before `startReading`, as a client does that is too slow. */
  readonly reading?: boolean;
}

/** A client made of a plain socket. It says goodbye only when told: neither the server's FIN nor anything else closes it. */
export class Peer {
  readonly socket: Socket;
  /** What came, in pieces: joined when somebody looks at it. */
  #pieces: Buffer[] = [];
  #length = 0;
  /** How the stream ended: `fin`, or the code of an error. */
  #ended: string | undefined;
  #changed: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#pieces.push(bytes);
      this.#length += bytes.length;
      this.#changed();
    });
    socket.on('end', () => this.#end('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message));
    socket.on('close', () => this.#end('closed'));
    onTestFinished(() => {
      socket.destroy();
    });
  }

  /** @param to a port or a UNIX path; the connection is established when the promise resolves */
  static async connect(to: number | string, options: PeerOptions = {}): Promise<Peer> {
    if (currentEngine() === 'memory') {
      const place = typeof to === 'number' ? { port: to, host: options.host ?? '127.0.0.1' } : { path: to };
      return new Peer(connectInMemory(place, options.reading === false));
    }
    const socket =
      typeof to === 'number'
        ? connect({ port: to, host: options.host ?? '127.0.0.1', allowHalfOpen: true, noDelay: true })
        : connect({ path: to, allowHalfOpen: true });
    const peer = new Peer(socket);
    if (options.reading === false) socket.pause();
    await once(socket, 'connect');
    return peer;
  }

  /** Resolves when the kernel has the bytes. */
  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Sends bytes and a FIN. Resolves when the kernel has both. */
  finish(bytes: string | Uint8Array = ''): Promise<void> {
    return new Promise((resolve) => {
      this.socket.end(bytes, () => resolve());
    });
  }

  /** Goes away with a RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  startReading(): void {
    this.socket.resume();
  }

  /** The next `count` bytes. */
  async receive(count: number): Promise<Buffer> {
    await this.#until(() => this.#length >= count, `${count} bytes`);
    const all = this.#joined();
    this.#pieces = [all.subarray(count)];
    this.#length -= count;
    return all.subarray(0, count);
  }

  /** The next bytes are exactly these. */
  async expect(text: string): Promise<void> {
    const bytes = await this.receive(Buffer.byteLength(text));
    if (bytes.toString('utf8') !== text) throw new Error(`expected ${JSON.stringify(text)}, got ${JSON.stringify(bytes.toString('utf8'))}`);
  }

  /** Whether the stream is over. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Bytes that arrived and nobody asked for yet. */
  get bytes(): Buffer {
    return this.#joined();
  }

  /** The same as text. */
  get waiting(): string {
    return this.bytes.toString('utf8');
  }

  /** Waits for the end of the stream. @returns what came before it, and how it came: `fin`, or the code of an error such as ECONNRESET */
  async end(): Promise<{ readonly text: string; readonly bytes: number; readonly by: string }> {
    await this.#until(() => this.#ended !== undefined, 'the end');
    return { text: this.waiting, bytes: this.#length, by: this.#ended ?? '' };
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }

  #end(how: string): void {
    this.#ended ??= how;
    this.#changed();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0 || this.#ended !== undefined) {
        const text = JSON.stringify(this.#joined().subarray(0, 80).toString());
        throw new Error(`a client waits for ${what}; it has ${this.#length} bytes (${text}), end: ${this.#ended ?? 'none'}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
