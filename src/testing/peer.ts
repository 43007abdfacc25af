import { getSystemErrorName } from 'node:util';
import type { Address } from '../engine/engine.js';
import { NetmuxTypeError, shown } from '../errors.js';
import type { End, Joined } from './end.js';

/** Options of `write` of a peer. */
export interface WriteOptions {
  /**
   * Where the bytes are cut. Each piece arrives, and is dealt with, before the next one is sent: offsets from their beginning, or a
   * number of bytes for pieces of that size.
   */
  readonly splitAt?: number | readonly number[];
}

/** What a peer asks of its network. */
export interface PeerNetwork {
  /** Delivers what waits, unless a turn or a batch is under way. */
  run(): void;
}

/** Who sits at the other end of a connection. All that a call gives rise to has happened when it returns. */
export class Peer {
  /** Its own address, as the server sees it; of a UNIX socket the path, which a client does not have. */
  readonly localAddress: string;
  /** 0 of a UNIX socket. */
  readonly localPort: number;
  /** The address that it is connected to. */
  readonly remoteAddress: string;
  /** The port that it is connected to; 0 of a UNIX socket. */
  readonly remotePort: number;
  readonly #network: PeerNetwork;
  readonly #end: End;
  readonly #received: Buffer[] = [];
  /** What there was no room for. */
  #unsent: Buffer[] = [];
  #isPaused: boolean;
  #isEnding = false;
  #ended: string | undefined;

  /** @internal */
  constructor(network: PeerNetwork, { end, local, remote }: Joined, isPaused = false) {
    this.#network = network;
    this.#end = end;
    this.#isPaused = isPaused;
    [this.localAddress, this.localPort] = nameOf(local);
    [this.remoteAddress, this.remotePort] = nameOf(remote);
    end.owner = this;
    this.#receive(); // a limit may have sent it away before it was introduced
  }

  /**
   * Sends bytes; text as UTF-8. Where the other side does not read, they wait here. After `end`, `close` and a reset they are dropped.
   */
  write(data: string | Uint8Array, { splitAt }: WriteOptions = {}): this {
    const bytes = Buffer.from(typeof data === 'string' ? Buffer.from(data) : data);
    for (const piece of piecesOf(bytes, splitAt)) {
      if (!this.#isEnding) this.#unsent.push(piece);
      this.#send();
      this.#network.run();
    }
    return this;
  }

  /** Sends a FIN behind what was written: this side sends no more. What comes is received nevertheless. */
  end(data?: string | Uint8Array): this {
    if (data !== undefined) this.write(data);
    this.#isEnding = true;
    this.#send();
    this.#network.run();
    return this;
  }

  /** Ends the connection with a reset; what was not received is lost. */
  reset(): this {
    this.#leave(() => this.#end.reset());
    return this;
  }

  /** Closes both directions, as a process does that exits: a FIN, or a reset where something was not received. */
  close(): this {
    this.#leave(() => this.#end.close());
    return this;
  }

  /** Reads no more: what the server sends piles up, first on the way, then in the server. */
  pause(): this {
    this.#isPaused = true;
    return this;
  }

  /** Reads on. */
  resume(): this {
    this.#isPaused = false;
    this.#receive();
    this.#network.run();
    return this;
  }

  /** What has come since the last call. */
  received(): Buffer;
  received(encoding: BufferEncoding): string;
  received(encoding?: BufferEncoding): Buffer | string {
    this.#network.run();
    const bytes = Buffer.concat(this.#received.splice(0));
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }

  /** How the other side has ended: 'fin', or the code of an error such as 'ECONNRESET'; undefined while it has not. 'closed' where this side was the first. */
  get ended(): string | undefined {
    this.#network.run();
    return this.#ended;
  }

  /** Bytes written that the other side has no room for. */
  get unsent(): number {
    return this.#unsent.reduce((sum, { length }) => sum + length, 0);
  }

  /** @internal */
  arrived(): void {
    this.#receive();
  }

  /** @internal */
  hasRoom(): void {
    this.#send();
  }

  #receive(): void {
    if (this.#isPaused) return;
    const end = this.#end;
    if (end.size > 0) this.#received.push(end.read(end.size));
    if (end.isFinished) this.#ended ??= 'fin';
    else if (end.error !== 0) this.#ended ??= getSystemErrorName(-end.error);
  }

  #send(): void {
    const end = this.#end;
    while (this.#unsent.length > 0 && end.error === 0 && end.room > 0) {
      const first = this.#unsent.shift()!;
      const { room } = end;
      if (first.length > room) this.#unsent.unshift(first.subarray(room));
      end.write(first.subarray(0, room));
    }
    if (end.error !== 0) this.#unsent = [];
    if (this.#isEnding && this.#unsent.length === 0) end.finish();
  }

  #leave(leave: () => void): void {
    this.#isEnding = true;
    this.#unsent = [];
    leave();
    this.#ended ??= 'closed';
    this.#network.run();
  }
}

/** Pieces of a size, or cut at places; one of all bytes otherwise. */
function piecesOf(bytes: Buffer, splitAt: number | readonly number[] | undefined): Buffer[] {
  if (splitAt === undefined) return [bytes];
  const places = typeof splitAt === 'number' ? everyMultiple(splitAt, bytes.length) : [...splitAt, bytes.length];
  let from = 0;
  return places.map((to) => {
    if (!Number.isInteger(to) || to < from || to > bytes.length) {
      throw new NetmuxTypeError(`write: splitAt must have rising offsets up to ${bytes.length}, not ${shown(to)}`);
    }
    const piece = bytes.subarray(from, to);
    from = to;
    return piece;
  });
}

function everyMultiple(size: number, end: number): number[] {
  if (!Number.isInteger(size) || size < 1) throw new NetmuxTypeError(`write: splitAt must be a whole number from 1 on, not ${shown(size)}`);
  return Array.from({ length: Math.ceil(end / size) }, (_, index) => Math.min((index + 1) * size, end));
}

function nameOf(address: Address): [string, number] {
  return address.family === 'unix' ? [address.path, 0] : [address.host, address.port];
}
