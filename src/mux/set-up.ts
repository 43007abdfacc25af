import { CloseMode, CommandKind } from '../engine/engine.js';
import type { Dispatcher } from './dispatcher.js';
import type { EarlyOutput } from './early-output.js';
import type { Handle } from './handle.js';

/** What becomes a handle with a slot: a socket that is being bound or connected. It keeps what is asked of the handle meanwhile. */
export abstract class SetUp {
  protected readonly dispatcher: Dispatcher;
  protected readonly handle: Handle;
  /** When the handle's timer is due, in milliseconds of the engine's clock; null without one. */
  timerDue: number | null = null;
  paused = false;
  /** What is written meanwhile; undefined where nothing can be. */
  readonly output: EarlyOutput | undefined = undefined;
  /** Whether `mux_close` is called when the handle is closed before it is ready. */
  abstract readonly announcesClose: boolean;
  /** Whether the handle was closed meanwhile, or got its slot. */
  protected isOver = false;

  protected constructor(dispatcher: Dispatcher, handle: Handle) {
    this.dispatcher = dispatcher;
    this.handle = handle;
    dispatcher.slots.pending.set(handle, this);
    handle.mux.run.setUpBegan();
  }

  /** The loop of the mux runs. */
  abstract start(): void;

  /** The handle was closed. */
  cancel(): void {
    this.#leave();
    this.handle.mux.run.setUpCancelled(this.handle);
  }

  /** The handle gets its slot, and all that was asked of it meanwhile. */
  protected complete(slot: number, kind: number): void {
    const { slots, lifecycle } = this.dispatcher;
    this.#leave();
    this.handle.mux.run.setUpDone();
    lifecycle.open(this.handle, slot, kind);
    if (this.timerDue !== null) slots.timers.setAt(slot, this.timerDue);
    if (this.paused) lifecycle.setPaused(this.handle, true);
  }

  /** Gives back a slot that its handle never got. */
  protected discard(slot: number): void {
    const { slots } = this.dispatcher;
    slots.vacate(slot);
    slots.ring.command(CommandKind.Close, slot, CloseMode.Abort);
  }

  #leave(): void {
    this.isOver = true;
    this.dispatcher.slots.pending.delete(this.handle);
  }
}
