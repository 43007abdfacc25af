import { CloseMode, CommandKind } from '../engine/engine.js';
import { NetmuxError } from '../errors.js';
import type { BoundPaths } from './bound-paths.js';
import type { ClosedReason } from './failures.js';
import { Effect, Ending, Fact, Reading, SlotState, stepTowardsEnd, Writing, withReading, withWriting } from './half-close.js';
import type { Handle } from './handle.js';
import { DEAD, PENDING, type Slots } from './slots.js';
import { isThenable } from './thenable.js';

/** A `mux_close` may close the next handle, and so on; from this depth on they wait for each other, to spare the stack. */
const MAX_NESTED_CLOSES = 64;

/** Somebody has closed it under us. */
const UNKNOWN_DESCRIPTOR = -1;

/** A handle that is closed while too many others are. */
interface QueuedClose {
  readonly handle: Handle;
  readonly slot: number;
  readonly mode: CloseMode;
}

/** How handles come, fail and go. */
export class Lifecycle {
  readonly #slots: Slots;
  readonly #paths: BoundPaths;
  readonly #queue: QueuedClose[] = [];

  constructor(slots: Slots, paths: BoundPaths) {
    this.#slots = slots;
    this.#paths = paths;
  }

  /**
   * Gives a handle its slot.
   * @param kind one of the kinds of `SlotState`
   */
  open(handle: Handle, slot: number, kind: number): void {
    this.#slots.occupy(slot, handle, kind);
    handle.slot = slot;
    this.#slots.setInterest(handle);
    handle.mux.run.opened();
  }

  /** `shutdown` of a handle that is known. */
  shutdown(handle: Handle, how: 0 | 1 | 2): void {
    if (handle.slot === DEAD) return; // by what a shutdown before it has brought about
    if (handle.slot === PENDING) {
      const { output } = this.#slots.pending.get(handle)!;
      if (output !== undefined && (output.length > 0 || how !== 2)) output.shutdowns.add(how);
      else if (how === 2) this.#abandon(handle);
    } else if ((this.#slots.state[handle.slot]! & SlotState.KindMask) === SlotState.Stream) {
      this.end(handle, how === 0 ? Ending.ShutdownReading : how === 1 ? Ending.ShutdownWriting : Ending.ShutdownBoth);
    } else if (how === 2) {
      this.close(handle, CloseMode.Abort); // neither listeners nor datagrams have an end to wait for
    }
  }

  /** `mux.close` of a handle that is known, with a reset `fh.reset`: at once, whatever is queued. */
  closeNow(handle: Handle, mode = CloseMode.Abort): void {
    if (handle.slot === PENDING) this.#abandon(handle);
    else this.close(handle, mode, false, 'closed');
  }

  /** Moves a stream towards its end and does what follows from that. */
  end(handle: Handle, ending: Ending): void {
    const { state, memory, ring } = this.#slots;
    const { slot } = handle;
    const facts =
      (memory.unsent[slot]! > 0 ? Fact.Queued : 0) |
      (this.#slots.unread(handle) > 0 ? Fact.Unread : 0) |
      (handle.mux.settings.allowHalfOpen ? Fact.HalfOpen : 0);
    const next = stepTowardsEnd(state[slot]!, ending, facts);
    state[slot] = next; // a byte: the effects above it fall away
    if ((next & Effect.Close) !== 0) {
      this.close(handle, (next & Effect.Linger) !== 0 ? CloseMode.Linger : CloseMode.Abort);
      return;
    }
    if ((next & Effect.DiscardWithEof) !== 0) ring.command(CommandKind.Discard, slot, 1);
    if ((next & Effect.Discard) !== 0) {
      this.#slots.dropLeftover(slot);
      ring.command(CommandKind.Discard, slot);
    }
    if ((next & Effect.ShutWrite) !== 0) ring.command(CommandKind.ShutWrite, slot);
  }

  /**
   * Ends a handle here and now: it is gone before `mux_close` runs. Only its descriptor waits, until the engine executes
   * the command. `Linger` presumes that nothing is queued.
   * @param silent no `mux_close`
   * @param reason where nothing went wrong
   */
  close(handle: Handle, mode: CloseMode, silent = false, reason: ClosedReason = 'ended'): void {
    const { memory, ring, closing, engine } = this.#slots;
    const { slot } = handle;
    const kind = this.#slots.state[slot]! & SlotState.KindMask;
    if (mode !== CloseMode.Linger && memory.unsent[slot]! > 0) ring.command(CommandKind.KillOutput, slot);
    if (kind === SlotState.Datagram) engine.drain(); // what it has sent leaves before it is counted
    this.#slots.vacate(slot);
    handle.slot = DEAD;
    handle.mux.run.left(handle);
    if (kind === SlotState.Listener) handle.mux.run.totals.addRefused(engine.refused(slot));
    else handle.mux.run.totals.addClosed(kind, this.#slots.failures.closed(handle, reason), memory.traffic, slot);
    if (kind !== SlotState.Stream) this.#paths.remove(handle);
    if (silent) {
      this.#closeSlot(handle, slot, mode);
      handle.mux.run.closed();
    } else if (closing.length >= MAX_NESTED_CLOSES) {
      this.#queue.push({ handle, slot, mode });
    } else {
      this.#finishClose({ handle, slot, mode });
      if (closing.length === 0) this.#finishQueued();
    }
  }

  /** Takes a handle out without a callback. @returns its descriptor, which stays open */
  remove(handle: Handle): number {
    const { slot } = handle;
    const { engine, memory, failures } = this.#slots;
    const kind = this.#slots.state[slot]! & SlotState.KindMask;
    const { totals } = handle.mux.run;
    this.#slots.ring.encode();
    if (kind === SlotState.Listener) totals.addRefused(engine.refused(slot));
    const traffic = memory.traffic.slice(2 * slot, 2 * slot + 2); // those of a slot that is free again are nobody's
    const descriptor = Math.max(engine.release(slot), UNKNOWN_DESCRIPTOR);
    if (kind !== SlotState.Listener) totals.addClosed(kind, failures.closed(handle, 'removed'), traffic, 0);
    this.#slots.vacate(slot);
    handle.slot = DEAD;
    this.#paths.forget(handle);
    handle.mux.run.left(handle);
    handle.mux.run.closed();
    return descriptor;
  }

  /** Something about a handle went wrong: `mux_error`, or a line where nobody listens for it, or nobody may any more. */
  report(handle: Handle, error: Error): void {
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    try {
      if (callbacks?.mux_error === undefined || handle.slot === DEAD) {
        mux.complain(error, handle);
        return;
      }
      const result = callbacks.mux_error(mux, handle, error);
      if (isThenable(result)) result.then(undefined, (reason) => mux.complain(reason, handle));
    } catch (second) {
      mux.complain(second, handle);
    }
  }

  /**
   * A callback threw, or its promise was rejected. That costs a connection its life; a listener or a datagram socket
   * stays, since it serves others than the one who caused it.
   */
  failed(handle: Handle, thrown: unknown): void {
    // As everywhere in Node: what is thrown is an Error, or somebody's fault.
    const error = (thrown ??
      new NetmuxError('NETMUX_NO_REASON', `a callback threw ${thrown}, or its promise was rejected with that`)) as Error;
    if (handle.mux.settings.onCallbackError === 'exit') {
      process.nextTick(() => {
        throw error;
      });
    } else {
      this.report(handle, error);
    }
    if (handle.slot < 0 || (this.#slots.state[handle.slot]! & SlotState.KindMask) !== SlotState.Stream) return;
    this.#slots.failures.fail(handle, 'threw', error);
    this.#slots.dropLeftover(handle.slot);
    this.end(handle, Ending.Finish);
  }

  /**
   * A limit was exceeded: the handle is closed at once. With output unsent that is a reset: what the kernel holds of it would
   * else stay in its memory for minutes, for a peer that may never read.
   */
  exceeded(handle: Handle, reason: ClosedReason, error: Error): void {
    this.#slots.failures.fail(handle, reason, error);
    this.#refuseOutput(handle); // a `mux_error` that writes would exceed the limit again, and be called again
    this.report(handle, error);
    const { slot } = handle;
    if (slot !== DEAD) this.closeNow(handle, slot >= 0 && this.#slots.memory.unsent[slot]! > 0 ? CloseMode.Reset : CloseMode.Abort);
  }

  /** A connection that never came about. */
  neverConnected(handle: Handle, error: Error): void {
    this.#slots.failures.fail(handle, 'failed', error);
    this.report(handle, error);
    if (handle.slot === PENDING) this.#abandon(handle);
  }

  setPaused(handle: Handle, paused: boolean): void {
    const { slot } = handle;
    if (slot === PENDING) this.#slots.pending.get(handle)!.paused = paused;
    if (slot < 0) return;
    const { state, ring } = this.#slots;
    const from = paused ? Reading.Open : Reading.Paused;
    if ((state[slot]! & SlotState.ReadingMask) !== from) return;
    state[slot] = withReading(state[slot]!, paused ? Reading.Paused : Reading.Open);
    ring.command(paused ? CommandKind.Pause : CommandKind.Resume, slot);
  }

  setReferenced(handle: Handle, on: boolean): void {
    const { unreferenced } = this.#slots;
    if (handle.slot === DEAD || unreferenced.has(handle) !== on) return;
    if (on) unreferenced.delete(handle);
    else unreferenced.add(handle);
    handle.mux.run.referenceChanged(on);
  }

  /** @param ms null = no timer */
  setTimer(handle: Handle, ms: number | null): void {
    const { timers, pending } = this.#slots;
    if (handle.slot === PENDING) pending.get(handle)!.timerDue = ms === null ? null : timers.now() + ms;
    else if (ms === null) timers.cancel(handle.slot);
    else timers.set(handle.slot, ms);
  }

  /** Takes no more from `write`, although nothing has ended yet. */
  #refuseOutput(handle: Handle): void {
    const { state, pending } = this.#slots;
    if (handle.slot >= 0) state[handle.slot] = withWriting(state[handle.slot]!, Writing.Failed);
    else pending.get(handle)?.output?.shutdowns.add(1);
  }

  /** A handle that was to be bound or connected is closed before. Who waited for a connection hears of its end. */
  #abandon(handle: Handle): void {
    const setUp = this.#slots.pending.get(handle)!;
    handle.slot = DEAD;
    this.#slots.failures.closed(handle, 'closed');
    setUp.cancel();
    if (setUp.announcesClose) this.#callClose(handle);
  }

  #finishQueued(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#finishClose(next);
  }

  #finishClose(close: QueuedClose): void {
    const { closing } = this.#slots;
    closing.push(close);
    this.#callClose(close.handle);
    closing.pop();
    this.#closeSlot(close.handle, close.slot, close.mode);
    close.handle.mux.run.closed();
  }

  #closeSlot({ mux }: Handle, slot: number, mode: CloseMode): void {
    this.#slots.ring.command(CommandKind.Close, slot, mode, Math.ceil(1000 * mux.settings.lingerTimeout));
  }

  #callClose(handle: Handle): void {
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    try {
      if (callbacks?.mux_close === undefined) return;
      const result = callbacks.mux_close(mux, handle);
      if (isThenable(result)) result.then(undefined, (reason) => mux.complain(reason, handle));
    } catch (error) {
      mux.complain(error, handle);
    }
  }
}
