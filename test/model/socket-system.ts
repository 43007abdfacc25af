import { type Handle, Mux } from '../../src/index.js';
import { engines, type SocketEngine } from '../engines.js';
import { fence } from '../mux/scene.js';
import { FOREIGN, type Settings } from './script.js';
import { SocketClient } from './socket-client.js';
import { type Place, placeOf, type Surroundings } from './surroundings.js';
import { type Client, System } from './system.js';
import type { Traits } from './traits.js';

/** Longer than any turn takes, on any machine: only who fails waits so long. */
const PATIENCE_MS = 5_000;

/** More than what Linux lends to a sender (4 MiB) and to a receiver that has not begun to read (128 KiB). */
const FLOOD_BYTES = 8_000_000;

/** How long it is tried to reach one who never answers. */
const TRYING_SECONDS = 0.02;

/** Without the native engine nobody can be made who is silent: nobody at all stands for him, who refuses, however late that is seen. */
const hasSilence = engines.includes('native');

const TRAITS: Readonly<Record<SocketEngine, Traits>> = {
  native: { floodBytes: FLOOD_BYTES, isFloodFast: false, rejectionsComeAfter: 'batch', canAdd: true, hasSilence },
  node: { floodBytes: FLOOD_BYTES, isFloodFast: false, rejectionsComeAfter: 'turn', canAdd: false, hasSilence },
};

export class SocketSystem extends System {
  readonly traits: Traits;
  protected readonly mux: Mux;
  readonly #surroundings: Surroundings;
  readonly #clients: SocketClient[] = [];
  #place: Place;

  private constructor(engine: SocketEngine, settings: Settings, surroundings: Surroundings) {
    super();
    this.traits = TRAITS[engine];
    this.#surroundings = surroundings;
    this.#place = surroundings.freePlace();
    this.mux = new Mux({ engine, ...this.options(settings) });
    this.mux.setCallbackObject(this.callbacks());
  }

  static async open(engine: SocketEngine, settings: Settings, surroundings: Surroundings): Promise<SocketSystem> {
    const system = new SocketSystem(engine, settings, surroundings);
    system.listener = await system.mux.listen(system.#place).ready;
    system.#place = placeOf(system.listener);
    system.mux.loop().catch(() => {});
    return system;
  }

  protected async connect(): Promise<Client> {
    return this.#known(await SocketClient.connect(this.#place));
  }

  protected async open(connection: number, at: 'listener' | 'nobody' | 'silence'): Promise<{ make(): Handle; client(): Promise<Client> }> {
    const { mux } = this;
    const surroundings = this.#surroundings;
    if (connection === FOREIGN && this.traits.canAdd) {
      const { descriptor, client } = await surroundings.connected();
      this.#known(client);
      return { make: () => mux.add(descriptor)!, client: async () => client };
    }
    const place = { listener: surroundings.listeners, nobody: surroundings.nobodys, silence: surroundings.silent }[at];
    return {
      make: () => mux.connect({ ...place, ...(at === 'silence' && hasSilence && { timeout: TRYING_SECONDS }) }),
      client: async () => this.#known(await surroundings.accept()),
    };
  }

  async settle(isThrough: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    // At least once: not all that a step brings about is to be seen.
    do await new Promise((resolve) => setTimeout(resolve, 1));
    while (!isThrough() && performance.now() < end);
  }

  /** What was under way has come, also what nobody expects. */
  fence(): Promise<void> {
    return fence(this.mux);
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    for (const fh of this.mux.handles()) this.mux.close(fh);
    await this.mux[Symbol.asyncDispose]();
  }

  #known(client: SocketClient): SocketClient {
    this.#clients.push(client);
    return client;
  }
}
