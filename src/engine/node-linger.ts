import type { Socket } from 'node:net';
import { disown, own, type SocketOwner } from './node-socket.js';
import { LINGER_BYTES } from './reactor/stream.js';

/**
 * A connection that nobody has any more and whose output is all sent. Closed now, it would turn unread input into a
 * reset, which destroys what the peer has not read yet; so its input is thrown away until the peer's FIN or the limits.
 */
export class Linger implements SocketOwner {
  readonly #socket: Socket;
  readonly #freed: () => void;
  readonly #timer: NodeJS.Timeout;
  #discarded = 0;

  /** @param freed is called once the descriptor is closed */
  constructor(socket: Socket, ms: number, freed: () => void) {
    this.#socket = socket;
    this.#freed = freed;
    this.#timer = setTimeout(() => this.#close(), ms);
    own(socket, this);
    if (socket.writable) socket.end();
    socket.resume();
  }

  received(chunk: Buffer): void {
    this.#discarded += chunk.length;
    if (this.#discarded > LINGER_BYTES) this.#close();
  }

  ended(): void {
    this.#close();
  }

  failed(): void {
    this.#close();
  }

  vanished(): void {
    this.#close();
  }

  connected(): void {}

  drained(): void {}

  finished(): void {}

  #close(): void {
    clearTimeout(this.#timer);
    disown(this.#socket);
    this.#socket.destroy();
    this.#freed();
  }
}
