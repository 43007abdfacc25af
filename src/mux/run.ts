import { CloseMode, CommandKind } from '../engine/engine.js';
import { NetmuxError, NetmuxTypeError } from '../errors.js';
import type { Dispatcher } from './dispatcher.js';
import { Ending, SlotState } from './half-close.js';
import type { Handle, Listener } from './handle.js';
import type { Mux } from './mux.js';
import { Totals } from './totals.js';

/**
 * The run of a multiplexer: from `loop()` until its promise settles. It knows how many handles there are, whether they
 * keep the process alive, and how to end them all.
 */
export class Run {
  readonly #mux: Mux;
  readonly #dispatcher: Dispatcher;
  /** Between `loop()` and the end: callbacks are called. */
  isRunning = false;
  readonly totals = new Totals();
  /** Handles and set-ups that are not through with their `mux_close`. */
  #open = 0;
  #unreferenced = 0;
  #isReferencing = false;
  #endIsDue = false;
  /** Since `endLoop`: the connections whose output is being flushed. */
  #draining: Set<Handle> | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  /** Listeners that failed before there was a loop to reject. */
  #failed: { readonly listener: Listener; readonly error: Error }[] = [];
  /** What the promise will reject with. */
  #failure: Error | undefined;
  #promise: Promise<void> = Promise.resolve();
  #settle: (() => void) | undefined;
  #hasWarnedOfTimer = false;

  constructor(mux: Mux, dispatcher: Dispatcher) {
    this.#mux = mux;
    this.#dispatcher = dispatcher;
  }

  /**
   * `Mux.loop`
   * @param beforehand is called when nothing stands against the start any more
   */
  start(signal: AbortSignal | undefined, beforehand: () => void): Promise<void> {
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw new NetmuxTypeError('loop: signal must be an AbortSignal');
    if (this.isRunning) throw new NetmuxError('NETMUX_ALREADY_LOOPING', 'loop() was called while it is running');
    const failed = this.#failed.find(({ listener }) => !listener.isAwaited);
    this.#failed = [];
    if (failed !== undefined) throw failed.error;
    beforehand();
    this.#begin();
    if (signal?.aborted) {
      this.end();
    } else if (signal !== undefined) {
      const abort = () => this.end();
      signal.addEventListener('abort', abort, { once: true });
      const forget = () => signal.removeEventListener('abort', abort);
      this.#promise.then(forget, forget);
    }
    return this.#promise;
  }

  /** `Mux.endLoop`: takes effect at once, or when the present group of callbacks and the timers behind it are through. */
  end(): void {
    if (!this.isRunning || this.#draining !== undefined) return;
    if (!this.#dispatcher.slots.timers.inBatch) {
      this.#drain();
      return;
    }
    const run = this.#promise;
    const drain = () => {
      if (this.#promise === run) this.#drain(); // else it has ended by itself, and this would be the next one
    };
    // The pure-Node engine sees to what is due when its turn is over, and in the same phase: this comes behind it.
    process.nextTick(() => setImmediate(drain));
  }

  /** Ends everything, also where `loop()` was never called. */
  async dispose(): Promise<void> {
    if (!this.isRunning) this.#begin();
    this.end();
    await this.#promise.catch(() => {}); // loop() has told
  }

  /** Sets a slot going that nobody has accepted: before `loop()` nothing is reported of it. */
  startIfRunning(slot: number): void {
    if (this.isRunning) this.#dispatcher.slots.ring.command(CommandKind.Start, slot);
  }

  /** A timer was due, and there is no `mux_timeout`. */
  timerInVain(): void {
    if (this.#hasWarnedOfTimer) return;
    this.#hasWarnedOfTimer = true;
    this.#mux.settings.warn('netmux: a timer was due, but its callback object has no mux_timeout: nothing happens');
  }

  /** A handle got its slot. */
  opened(): void {
    this.#open += 1;
    this.#referencesChanged();
  }

  /** A handle has lost its slot. */
  left(handle: Handle): void {
    this.#forget(handle);
    this.#draining?.delete(handle);
  }

  /** The last callback about a handle or a set-up has returned. */
  closed(): void {
    this.#open -= 1;
    this.#referencesChanged();
    this.#endIfOver();
  }

  setUpBegan(): void {
    this.#open += 1;
    this.#referencesChanged();
  }

  /** A set-up is about to become a handle with a slot. */
  setUpDone(): void {
    this.#open -= 1;
  }

  /** A set-up was given up. */
  setUpCancelled(handle: Handle): void {
    this.#forget(handle);
    this.closed();
  }

  referenceChanged(on: boolean): void {
    this.#unreferenced += on ? -1 : 1;
    this.#referencesChanged();
  }

  /** Nobody may have been told: then the promise of `loop()` is who has to. */
  listenFailed(listener: Listener, error: Error): void {
    if (listener.isAwaited) return;
    if (!this.isRunning) {
      this.#failed.push({ listener, error });
      return;
    }
    this.#failure ??= error;
    this.#drain();
  }

  /** Everything that waited for the loop goes on. */
  #begin(): void {
    const { slots } = this.#dispatcher;
    this.isRunning = true;
    this.#dispatcher.budget.watch(this.#mux, true);
    this.#failure = undefined;
    this.#promise = new Promise((resolve, reject) => {
      this.#settle = () => (this.#failure === undefined ? resolve() : reject(this.#failure));
    });
    for (const handle of this.#handles()) {
      slots.ring.command(CommandKind.Start, handle.slot);
      slots.timers.rearm(handle.slot);
    }
    for (const [handle, setUp] of [...slots.pending]) if (handle.mux === this.#mux) setUp.start();
    this.#referencesChanged();
    this.#endIfOver();
  }

  /** Stops accepting. Who has nothing queued is closed at once, the others when they are flushed. */
  #drain(): void {
    if (!this.isRunning || this.#draining !== undefined) return;
    const { slots, lifecycle } = this.#dispatcher;
    this.#draining = new Set();
    for (const handle of [...slots.pending.keys()]) if (handle.mux === this.#mux) lifecycle.closeNow(handle);
    for (const handle of this.#handles()) {
      if (handle.slot < 0) continue; // a mux_close has closed it meanwhile
      const state = slots.state[handle.slot]!;
      const kind = state & SlotState.KindMask;
      if (kind === SlotState.Listener) lifecycle.close(handle, CloseMode.Abort, true);
      else if (kind === SlotState.Datagram) lifecycle.close(handle, CloseMode.Abort);
      // What `fh.close` has begun goes on: whether its `mux_eof` came before this moment is a matter of how busy the machine is.
      else if ((state & SlotState.EofOwed) === 0) lifecycle.end(handle, Ending.Finish);
      if (handle.slot >= 0) this.#draining.add(handle);
    }
    if (this.#draining.size > 0) this.#drainTimer = setTimeout(() => this.#finish(), 1000 * this.#mux.settings.drainTimeout);
    this.#endIfOver();
  }

  /** The end is looked for when the present turn is through: its callbacks may open new handles, and it gives descriptors back. */
  #endIfOver(): void {
    if (!this.isRunning || this.#endIsDue || !this.#isOver) return;
    this.#endIsDue = true;
    setImmediate(() => {
      this.#endIsDue = false;
      if (this.isRunning && this.#isOver) this.#finish();
    });
  }

  get #isOver(): boolean {
    return this.#open === 0 || this.#draining?.size === 0;
  }

  #finish(): void {
    clearTimeout(this.#drainTimer);
    const { slots, lifecycle } = this.#dispatcher;
    // What is not flushed by now, and what was opened while the rest was: a reconnecting mux_close must not go on for ever.
    for (const handle of [...slots.pending.keys(), ...this.#handles()]) {
      if (handle.mux === this.#mux && !handle.closed) lifecycle.closeNow(handle);
    }
    slots.ring.encode();
    slots.engine.flush();
    this.isRunning = false;
    this.#dispatcher.budget.watch(this.#mux, false);
    this.#draining = undefined;
    this.#referencesChanged();
    this.#settle?.();
  }

  #handles(): Handle[] {
    return this.#dispatcher.slots.handlesOf(this.#mux);
  }

  #forget(handle: Handle): void {
    if (this.#dispatcher.slots.unreferenced.delete(handle)) this.#unreferenced -= 1;
  }

  #referencesChanged(): void {
    const referencing = this.isRunning && this.#open > this.#unreferenced;
    if (referencing === this.#isReferencing) return;
    this.#isReferencing = referencing;
    this.#dispatcher.referenceChanged(referencing);
  }
}
