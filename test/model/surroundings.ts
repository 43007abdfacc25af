import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Handle, Mux } from '../../src/index.js';
import { engines } from '../engines.js';
import { SocketClient } from './socket-client.js';

/** Nobody listens there without being root. */
export const NOBODYS_PORT = 1;

/** A listener's queue of one place takes two. */
const FULL_QUEUE = 2;

/** What comes next, now or later. */
class Queue<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  add(item: Item): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#items.push(item);
    else next(item);
  }

  async next(): Promise<Item> {
    return this.#items.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** The world around the servers of all scripts: one who listens, one who never answers, and who has descriptors to give away. */
export class Surroundings {
  readonly #server: Server;
  readonly #accepted = new Queue<SocketClient>();
  readonly #dealer: Mux | undefined;
  readonly #descriptors = new Queue<number>();
  readonly #queuing: SocketClient[] = [];
  #dealersPort = 0;
  silentPort = NOBODYS_PORT;

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accepted.add(new SocketClient(socket)));
    if (engines.includes('native')) this.#dealer = new Mux({ engine: 'native' });
  }

  static async open(): Promise<Surroundings> {
    const self = new Surroundings();
    self.#server.listen(0, '127.0.0.1');
    await once(self.#server, 'listening');
    await self.#openShop();
    return self;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Who the server has connected to. */
  accept(): Promise<SocketClient> {
    return this.#accepted.next();
  }

  /** A descriptor that is nobody's, and who sits at its other end. */
  async connected(): Promise<{ descriptor: number; client: SocketClient }> {
    const client = await SocketClient.connect(this.#dealersPort);
    return { descriptor: await this.#descriptors.next(), client };
  }

  async close(): Promise<void> {
    for (const client of this.#queuing) client.destroy();
    this.#server.close();
    await this.#dealer?.[Symbol.asyncDispose]();
  }

  async #openShop(): Promise<void> {
    const dealer = this.#dealer;
    if (dealer === undefined) return;
    dealer.setCallbackObject({ mux_connection: (mux: Mux, fh: Handle) => this.#descriptors.add(mux.remove(fh)), mux_input: () => {} });
    const shop = await dealer.listen({ host: '127.0.0.1', port: 0 }).ready;
    const silent = await dealer.listen({ host: '127.0.0.1', port: 0, backlog: 1 }).ready;
    silent.pause();
    this.#dealersPort = shop.localPort as number;
    this.silentPort = silent.localPort as number;
    dealer.loop().catch(() => {});
    for (let count = 0; count < FULL_QUEUE; count += 1) this.#queuing.push(await SocketClient.connect(this.silentPort));
  }
}
