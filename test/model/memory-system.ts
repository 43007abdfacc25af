import { type Handle, Mux } from '../../src/index.js';
import { type Peer, TestNetwork } from '../../src/testing/index.js';
import type { Traits } from './reference.js';
import type { Settings } from './script.js';
import { type Client, System } from './system.js';

const PORT = 7000;

/** Where the server connects to. */
const OUTER_PORT = 7001;
const NOBODYS_PORT = 7002;

/** In memory everything has happened when a call returns, but for promises. */
export class MemorySystem extends System {
  readonly traits: Traits = {
    floodBytes: 240_000,
    isFloodFast: true,
    rejectionsComeAfter: 'step',
    canAdd: false,
    silence: 'ECONNREFUSED',
  };
  readonly #network = new TestNetwork();
  readonly #outer = this.#network.listen({ port: OUTER_PORT });
  protected readonly mux: Mux;

  private constructor(settings: Settings) {
    super();
    this.mux = new Mux({ engine: this.#network.engine, ...this.options(settings) });
    this.mux.setCallbackObject(this.callbacks());
  }

  static async open(settings: Settings): Promise<MemorySystem> {
    const system = new MemorySystem(settings);
    system.listener = await system.mux.listen({ port: PORT }).ready;
    void system.mux.loop();
    return system;
  }

  protected async connect(): Promise<Client> {
    return clientOf(this.#network.connect({ port: PORT }));
  }

  protected async open(_connection: number, at: string): Promise<{ make(): Handle; client(): Promise<Client> }> {
    const port = at === 'listener' ? OUTER_PORT : NOBODYS_PORT;
    const client = async () => {
      await this.settle();
      return clientOf(this.#outer.accept()!);
    };
    return { make: () => this.mux.connect({ host: '127.0.0.1', port }), client };
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
