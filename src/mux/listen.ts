import { constants } from 'node:os';
import { type Address, HandleKind } from '../engine/engine.js';
import { systemError } from '../errors.js';
import type { Dispatcher } from './dispatcher.js';
import { SlotState } from './half-close.js';
import type { Listener } from './handle.js';
import type { ListenPlan } from './listen-options.js';
import { resolveForListening } from './resolve.js';
import { SetUp } from './set-up.js';
import { DEAD } from './slots.js';

/** An address of a family that this machine does not have is no reason to give up while there are others. */
const NOT_HERE = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

/** Binds one socket and makes it the listener's, or tells the listener why not. */
export class Listening extends SetUp {
  readonly announcesClose = false;
  readonly #listener: Listener;
  readonly #plan: ListenPlan;

  constructor(dispatcher: Dispatcher, listener: Listener, plan: ListenPlan) {
    super(dispatcher, listener);
    this.#listener = listener;
    this.#plan = plan;
    void this.#run();
  }

  /** Binding waits for nobody; watching begins when the socket is bound. */
  start(): void {}

  override cancel(): void {
    super.cancel();
    this.#listener.settle(systemError(constants.errno.ECANCELED, 'listen'));
  }

  async #run(): Promise<void> {
    try {
      const { slot, kind } = await this.#open();
      this.#opened(slot, kind);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  async #open(): Promise<{ slot: number; kind: number }> {
    const { engine } = this.dispatcher;
    const plan = this.#plan;
    if ('fd' in plan) return this.#adopt(plan.fd);
    const open = (address: Address) => (plan.isDatagram ? engine.bind(address, plan.socket) : engine.listen(address, plan.socket));
    const kind = plan.isDatagram ? SlotState.Datagram : SlotState.Listener;
    if ('path' in plan) return { slot: await open({ family: 'unix', path: plan.path }), kind };
    const addresses = await resolveForListening(plan.host, plan.port);
    for (const [index, address] of addresses.entries()) {
      try {
        return { slot: await open(address), kind };
      } catch (error) {
        const isLast = index === addresses.length - 1;
        if (isLast || !NOT_HERE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
    throw systemError(constants.errno.EADDRNOTAVAIL, 'listen', { address: plan.host, port: plan.port });
  }

  #adopt(descriptor: number): { slot: number; kind: number } {
    const { engine, slots } = this.dispatcher;
    if (slots.descriptors.has(descriptor)) throw systemError(constants.errno.EEXIST, 'listen', { address: `descriptor ${descriptor}` });
    const { slot, kind } = slots.adoptListener(descriptor, this.#plan.socket);
    if (kind === HandleKind.Stream) {
      slots.vacate(slot);
      engine.release(slot);
      throw systemError(constants.errno.EINVAL, 'listen', { address: `descriptor ${descriptor}` });
    }
    return { slot, kind: kind === HandleKind.Listener ? SlotState.Listener : SlotState.Datagram };
  }

  #opened(slot: number, kind: number): void {
    const plan = this.#plan;
    const { paths, engine } = this.dispatcher;
    if ('path' in plan && engine.name !== 'memory') paths.add(this.handle, plan.path);
    if (this.isOver) {
      paths.remove(this.handle);
      this.discard(slot);
      return;
    }
    this.complete(slot, kind);
    this.handle.mux.run.startIfRunning(slot);
    this.#listener.settle('bound');
  }

  #failed(error: Error): void {
    if (this.isOver) return;
    this.handle.slot = DEAD;
    super.cancel();
    this.#listener.settle(error);
    this.handle.mux.run.listenFailed(this.#listener, error);
  }
}
