import { type Handle, Mux } from '../../src/index.js';
import { type Peer, type PeerListener, TestNetwork } from '../../src/testing/index.js';
import type { Settings } from './script.js';
import { type Client, System } from './system.js';
import type { Traits } from './traits.js';

/** Where the server is, where it connects to, and where nobody is. */
const PLACES = {
  tcp: { server: { port: 7000 }, outer: { port: 7001 }, nobody: { port: 7002 } },
  local: { server: { path: 'server' }, outer: { path: 'outer' }, nobody: { path: 'nobody' } },
} as const;

/** In memory everything has happened when a call returns, but for promises. */
export class MemorySystem extends System {
  readonly traits: Traits = {
    floodBytes: 240_000,
    isFloodFast: true,
    rejectionsComeAfter: 'step',
    canAdd: false,
    hasSilence: false,
  };
  readonly #network = new TestNetwork();
  readonly #places: (typeof PLACES)[keyof typeof PLACES];
  readonly #outer: PeerListener;
  protected readonly mux: Mux;

  private constructor(settings: Settings) {
    super();
    this.#places = PLACES[settings.isLocal ? 'local' : 'tcp'];
    this.#outer = this.#network.listen(this.#places.outer);
    this.mux = new Mux({ engine: this.#network.engine, ...this.options(settings) });
    this.mux.setCallbackObject(this.callbacks());
  }

  static async open(settings: Settings): Promise<MemorySystem> {
    const system = new MemorySystem(settings);
    system.listener = await system.mux.listen(system.#places.server).ready;
    void system.mux.loop();
    return system;
  }

  protected async connect(): Promise<Client> {
    return clientOf(this.#network.connect(this.#places.server));
  }

  protected async open(_connection: number, at: string): Promise<{ make(): Handle; client(): Promise<Client> }> {
    const place = at === 'listener' ? this.#places.outer : this.#places.nobody;
    const client = async () => {
      await this.settle();
      return clientOf(this.#outer.accept()!);
    };
    return { make: () => this.mux.connect('path' in place ? place : { host: '127.0.0.1', ...place }), client };
  }

  async settle(): Promise<void> {
    this.#network.advance(0.01);
    await this.#network.settle();
    this.#network.advance(0.01);
  }

  async end(): Promise<void> {
    for (const fh of this.mux.handles()) this.mux.close(fh);
    await this.mux[Symbol.asyncDispose]();
  }
}

function clientOf(peer: Peer): Client {
  return {
    send: (bytes) => peer.write(bytes),
    finish: () => peer.end(),
    reset: () => peer.reset(),
    stopReading: () => peer.pause(),
    readOn: () => peer.resume(),
    received: () => [peer.received()],
    over: () => peer.ended,
  };
}
