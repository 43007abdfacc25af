import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Place } from './surroundings.js';
import type { Client } from './system.js';

/** A plain socket. It says goodbye only when told: neither the server's FIN nor anything else closes it. */
export class SocketClient implements Client {
  readonly #socket: Socket;
  #pieces: Buffer[] = [];
  #over: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#pieces.push(bytes));
    socket.on('end', () => {
      this.#over ??= 'fin';
    });
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      this.#over ??= code ?? message;
    });
    socket.on('close', () => {
      this.#over ??= 'closed';
    });
  }

  static async connect(place: Place): Promise<SocketClient> {
    const socket = connect({ ...place, allowHalfOpen: true, noDelay: true });
    const client = new SocketClient(socket);
    await once(socket, 'connect').catch(() => {}); // the server may reset it before it knows that it is connected
    return client;
  }

  /** The kernel has it, or it waits here until the server reads. */
  send(bytes: Buffer): void {
    this.#socket.write(bytes, () => {}); // the server may have gone meanwhile
  }

  finish(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  received(): Buffer[] {
    return this.#pieces.splice(0);
  }

  over(): string | undefined {
    return this.#over;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
