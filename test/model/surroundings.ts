import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Handle, type Listener, Mux } from '../../src/index.js';
import { engines } from '../engines.js';
import { SocketClient } from './socket-client.js';

/** Where to listen, and, once somebody does, where to connect to. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** Nobody listens there without being root. */
const NOBODYS_PORT = 1;

const HOST = '127.0.0.1';

/** A listener's queue of one place takes two. */
const FULL_QUEUE = 2;

/** Where a listener is found that is bound. */
export function placeOf({ localAddress, localPort }: Listener): Place {
  return localPort === undefined ? { path: localAddress! } : { host: localAddress!, port: localPort };
}

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
  /** Of UNIX sockets. */
  readonly #folder: string | undefined;
  #paths = 0;
  readonly #server: Server;
  readonly #accepted = new Queue<SocketClient>();
  readonly #dealer: Mux | undefined;
  readonly #descriptors = new Queue<number>();
  readonly #queuing: SocketClient[] = [];
  #dealers: Place;
  /** Where nobody is, where somebody is, and where one is who never answers, if there is one. */
  readonly nobodys: Place;
  listeners: Place;
  silent: Place;

  private constructor(isLocal: boolean) {
    if (isLocal) this.#folder = mkdtempSync(join(tmpdir(), 'netmux-model-'));
    this.nobodys = isLocal ? this.freePlace() : { host: HOST, port: NOBODYS_PORT };
    this.listeners = this.#dealers = this.silent = this.nobodys;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accepted.add(new SocketClient(socket)));
    if (engines.includes('native')) this.#dealer = new Mux({ engine: 'native' });
  }

  static async open(isLocal: boolean): Promise<Surroundings> {
    const self = new Surroundings(isLocal);
    const place = self.freePlace();
    self.#server.listen(place);
    await once(self.#server, 'listening');
    self.listeners = 'path' in place ? place : { host: HOST, port: (self.#server.address() as AddressInfo).port };
    await self.#openShop();
    return self;
  }

  /** Where somebody new may listen. */
  freePlace(): Place {
    this.#paths += 1;
    return this.#folder === undefined ? { host: HOST, port: 0 } : { path: join(this.#folder, String(this.#paths)) };
  }

  /** Who the server has connected to. */
  accept(): Promise<SocketClient> {
    return this.#accepted.next();
  }

  /** A descriptor that is nobody's, and who sits at its other end. */
  async connected(): Promise<{ descriptor: number; client: SocketClient }> {
    const client = await SocketClient.connect(this.#dealers);
    return { descriptor: await this.#descriptors.next(), client };
  }

  async close(): Promise<void> {
    for (const client of this.#queuing) client.destroy();
    this.#server.close();
    await this.#dealer?.[Symbol.asyncDispose]();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
  }

  async #openShop(): Promise<void> {
    const dealer = this.#dealer;
    if (dealer === undefined) return;
    dealer.setCallbackObject({ mux_connection: (mux: Mux, fh: Handle) => this.#descriptors.add(mux.remove(fh)), mux_input: () => {} });
    const shop = await dealer.listen(this.freePlace()).ready;
    const silent = await dealer.listen({ ...this.freePlace(), backlog: 1 }).ready;
    silent.pause();
    this.#dealers = placeOf(shop);
    this.silent = placeOf(silent);
    dealer.loop().catch(() => {});
    for (let count = 0; count < FULL_QUEUE; count += 1) this.#queuing.push(await SocketClient.connect(this.silent));
  }
}
