import { subjectOf } from '../engine/address.js';
import { type Address, CommandKind } from '../engine/engine.js';
import { NetmuxError, systemError } from '../errors.js';
import type { ConnectPlan } from './connect-options.js';
import type { Dispatcher } from './dispatcher.js';
import { EarlyOutput } from './early-output.js';
import { SlotState } from './half-close.js';
import type { Handle } from './handle.js';
import { resolveHost } from './resolve.js';
import { SetUp } from './set-up.js';

const NO_SLOT = -1;

/** Tries the addresses of a host in order, until one takes the connection or the time is over. */
export class Connecting extends SetUp {
  readonly announcesClose = true;
  override readonly output = new EarlyOutput();
  readonly #plan: ConnectPlan;
  #addresses: Address[] = [];
  /** The address of the attempt under way. */
  #at = -1;
  #slot = NO_SLOT;
  #timer: NodeJS.Timeout | undefined;

  constructor(dispatcher: Dispatcher, handle: Handle, plan: ConnectPlan) {
    super(dispatcher, handle);
    this.#plan = plan;
    if (handle.mux.run.isRunning) this.start();
  }

  /** Nothing is sent before the loop runs: its outcome could not be told. */
  start(): void {
    // The run keeps the process alive, unless the handle is not to.
    this.#timer = setTimeout(() => this.#timedOut(), this.#plan.timeoutMs).unref();
    this.#resolve().then(
      (addresses) => {
        this.#addresses = addresses;
        this.#tryNext();
      },
      (error: Error) => this.#fail(error),
    );
  }

  /**
   * The attempt under way has succeeded: what was written and ended meanwhile happens now.
   * @returns whether anybody is still interested in the connection
   */
  connected(): boolean {
    clearTimeout(this.#timer);
    const { handle, output } = this;
    this.complete(this.#slot, SlotState.Stream);
    handle.mux.run.totals.connected += 1;
    if (output.length > 0) this.dispatcher.output.write(handle, output.copy());
    for (const how of output.shutdowns) this.dispatcher.lifecycle.shutdown(handle, how);
    return !handle.closed && !output.shutdowns.has(2);
  }

  /** The attempt under way has failed. */
  refused(errno: number): void {
    this.#giveUpAttempt();
    this.#tryNext(systemError(errno, 'connect', subjectOf(this.#addresses[this.#at]!)));
  }

  override cancel(): void {
    clearTimeout(this.#timer);
    this.#giveUpAttempt();
    super.cancel();
  }

  async #resolve(): Promise<Address[]> {
    const plan = this.#plan;
    return 'path' in plan ? [{ family: 'unix', path: plan.path }] : resolveHost(plan.host, plan.port);
  }

  /** @param failure of the attempt before */
  #tryNext(failure?: Error): void {
    if (this.isOver) return;
    this.#at += 1;
    const address = this.#addresses[this.#at];
    if (address === undefined) {
      this.#fail(failure!); // a name has one address at least
      return;
    }
    const { engine, slots } = this.dispatcher;
    try {
      this.#slot = engine.connect(address, this.#plan.socket);
    } catch (error) {
      this.#tryNext(error as Error);
      return;
    }
    slots.occupy(this.#slot, this.handle, SlotState.Stream);
    slots.ring.command(CommandKind.Start, this.#slot);
  }

  #giveUpAttempt(): void {
    if (this.#slot === NO_SLOT) return;
    this.discard(this.#slot);
    this.#slot = NO_SLOT;
  }

  #timedOut(): void {
    const { timeoutMs } = this.#plan;
    this.#fail(new NetmuxError('NETMUX_CONNECT_TIMEOUT', `no connection to ${this.#describe()} within ${timeoutMs / 1000} s`));
  }

  #fail(error: Error): void {
    if (!this.isOver) this.dispatcher.lifecycle.neverConnected(this.handle, error);
  }

  #describe(): string {
    const plan = this.#plan;
    return 'path' in plan ? plan.path : `${plan.host}:${plan.port}`;
  }
}
