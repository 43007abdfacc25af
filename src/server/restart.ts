/**
 * How a server makes way for the program that replaces it (docs/from-perl.md, D24). The steps are those of docs/architecture.md,
 * "A restart"; executing the program is the daemon's.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { ListenOptions } from '../mux/listen-options.js';
import { Mux } from '../mux/mux.js';
import type { MuxOptions } from '../mux/options.js';
import type { BindSpec } from './bind-spec.js';
import type { Binding } from './binding.js';
import type { ReadSettings } from './configured-server.js';
import type { Daemon } from './daemon/daemon.js';
import { Drain } from './drain.js';
import { Gate } from './gate.js';
import { ServerLog } from './log/log.js';
import { muxOptionsOf } from './options/mux-settings.js';
import type { ServerSettings } from './options/table.js';
import { parsePorts } from './ports.js';
import { listenOptionsOf, resolvePorts } from './resolve-ports.js';

/** A connection that moves nothing for so long is through with its request, and ended. */
const QUIET_SECONDS = 0.25;

/** While the last connections are served nobody is accepted: new ones wait in the kernel, whose queue is finite. */
const LAST_CALL_SECONDS = 1;

/**
 * Signals that follow each other faster are one: the last of them must not reach Node while it starts, which would end the process.
 * Several times what Node needs before it can hear a signal.
 */
const SUCCESSION_MS = 250;

/** What a restart needs of its server. */
export interface Restarting<Client> {
  readonly mux: Mux<Client>;
  readonly binding: Binding<Client>;
  readonly daemon: Daemon;
  /** The present options. */
  readonly settings: Pick<ServerSettings, 'restart_drain_timeout' | 'drain_rate'>;
  /** What `configure` would find now. */
  read(): ReadSettings;
  /** Whether a client is still being decided about. */
  isPending(fh: object): boolean;
}

/** One attempt to restart: its steps, in their order. */
export class Restart<Client> {
  readonly #server: Restarting<Client>;
  #drain: Drain<Client> | undefined;
  /** The options of the program that comes. */
  #settings: ServerSettings | undefined;
  /** When HUP came last. */
  #asked = performance.now();
  /** The server ends instead. */
  isCancelled = false;

  constructor(server: Restarting<Client>) {
    this.#server = server;
  }

  /** HUP came once more. */
  askAgain(): void {
    this.#asked = performance.now();
  }

  /** Resolves when no signal has come for a while; the server serves meanwhile. @param most in seconds */
  async lastSignal(most = Number.POSITIVE_INFINITY): Promise<void> {
    const end = performance.now() + 1000 * most;
    for (let now = performance.now(); !this.isCancelled && now < Math.min(end, this.#asked + SUCCESSION_MS); now = performance.now())
      await sleep(Math.ceil(Math.min(end, this.#asked + SUCCESSION_MS) - now));
  }

  /**
   * Reads and checks what the program will read when it starts again, and binds what is new.
   * @throws what a start would be refused with
   */
  async prepare(): Promise<void> {
    const { daemon, binding } = this.#server;
    const { settings, isPortGiven } = daemon.prepareRestart(() => this.#server.read());
    new Gate(settings);
    if (settings.log_function === undefined) {
      const log = await ServerLog.open(settings, () => {});
      log.close();
    }
    const isBound = binding.isActivated && !isPortGiven;
    const specs = isBound ? [] : await resolvePorts(parsePorts(settings), () => {});
    await binding.prepare(specs);
    await tryOut(
      specs.find(({ proto }) => proto === 'tcp'),
      muxOptionsOf(settings),
    );
    this.#settings = settings;
  }

  /** Ends all connections, and then accepts no more: those who knock are kept by the kernel for the program that comes. */
  async drain(): Promise<void> {
    const { restart_drain_timeout: seconds } = this.#server.settings;
    await this.#end(seconds);
    if (this.isCancelled) return;
    this.#server.binding.setPaused(true);
    // What was accepted before is announced within the present turn, or Node's next one.
    await nextTurn();
    await nextTurn();
    await this.#end(Math.min(seconds, LAST_CALL_SECONDS));
    await this.lastSignal(LAST_CALL_SECONDS);
  }

  /** @throws SystemError ENOENT, EACCES, E2BIG … */
  execute(): never {
    const { descriptors, entries } = this.#server.binding.handOver();
    return this.#server.daemon.execute(descriptors, entries, this.#settings!);
  }

  /** The server goes on. */
  undo(): void {
    this.#server.binding.undo();
    this.#server.binding.setPaused(false);
    this.#server.daemon.keepRunning();
  }

  /** The server ends. */
  cancel(): void {
    this.isCancelled = true;
    this.#drain?.cancel();
  }

  async #end(seconds: number): Promise<void> {
    if (this.isCancelled) return;
    const { mux, settings } = this.#server;
    const spared = (fh: object) => this.#server.isPending(fh);
    this.#drain = new Drain(mux, { seconds, rate: settings.drain_rate, quiet: QUIET_SECONDS, spared });
    await this.#drain.run();
  }
}

/** An engine may not offer what the options ask of connections: that shows when something is bound. */
async function tryOut(spec: BindSpec | undefined, options: MuxOptions): Promise<void> {
  const mux = new Mux({ ...options, warn: () => {} });
  if (spec !== undefined) await mux.listen({ ...(await listenOptionsOf(spec)), port: 0 } as ListenOptions).ready;
  await mux[Symbol.asyncDispose]();
}
