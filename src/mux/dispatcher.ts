import { constants } from 'node:os';
import { addressBlockLength, subjectOf } from '../engine/address.js';
import { CloseMode, CommandKind, type Engine, RecordKind, WORDS } from '../engine/engine.js';
import { NetmuxError, systemError } from '../errors.js';
import { BoundPaths } from './bound-paths.js';
import { Budget } from './budget.js';
import type { Connecting } from './connect.js';
import { Ending, Reading, SlotState, Writing, withReading, withWriting } from './half-close.js';
import { Handle } from './handle.js';
import { InputBuffer } from './input-buffer.js';
import { Lifecycle } from './lifecycle.js';
import { expiryError, expiryReason, refusalReason } from './limits.js';
import { Output } from './output.js';
import { Slots } from './slots.js';
import { isThenable } from './thenable.js';

/** A long batch asks for the time again after so many records (a power of two). */
const RECORDS_PER_CLOCK = 64;

/** A batch that takes longer is noticed by whoever waits for the next one: several times what a game or a call may be late. */
const SLOW_BATCH_MS = 50;

/** What the read slab is filled with after each batch, in debug mode, for whoever still looks at it. */
const EXPIRED_BYTE = 0xdb;

/** What the native engine calls a buffer whose memory is gone. */
const DETACHED = constants.errno.EFAULT;

/** Turns the records of one engine into callbacks. All multiplexers of an engine share it. */
export class Dispatcher {
  readonly engine: Engine;
  readonly slots: Slots;
  readonly paths = new BoundPaths();
  readonly lifecycle: Lifecycle;
  readonly output: Output;
  readonly budget: Budget;
  /** How long callbacks have kept the loop: in all, in the longest batch, and in how many batches for too long. */
  readonly pace = { busyMs: 0, longestBatchMs: 0, slowBatches: 0 };
  readonly #records: Int32Array;
  readonly #generation: Int32Array;
  readonly #state: Uint8Array;
  /** NETMUX_DEBUG=1: input that is used too late fails instead of showing somebody else's bytes. */
  readonly #isDebugging = process.env.NETMUX_DEBUG === '1';
  /** The record that is dispatched next, and the number of them. */
  #next = 0;
  #count = 0;
  /** Multiplexers that run and have something to wait for. */
  #references = 0;

  constructor(engine: Engine) {
    this.engine = engine;
    this.slots = new Slots(engine);
    this.lifecycle = new Lifecycle(this.slots, this.paths);
    this.output = new Output(this.slots, this.lifecycle);
    this.budget = new Budget(this.slots, this.lifecycle);
    this.#records = engine.memory.records;
    this.#generation = engine.memory.generation;
    this.#state = this.slots.state;
    this.#renewInput();
    engine.attach((count) => this.#dispatch(count));
  }

  /** A multiplexer has, or has no longer, something to keep the process alive for. */
  referenceChanged(on: boolean): void {
    this.#references += on ? 1 : -1;
    if (this.#references === (on ? 1 : 0)) this.engine.setReferenced(on);
  }

  /** A copy of the unread input of a handle, after its replacement. */
  inbuffer(handle: Handle, replacement: Uint8Array | undefined): Buffer {
    const { slot } = handle;
    const { slots } = this;
    if (slot < 0) return Buffer.alloc(0); // not connected yet
    if (slots.isReading(handle)) {
      if (replacement !== undefined) slots.input.present(Buffer.from(replacement), 0, replacement.length);
      return slots.input.peek();
    }
    const state = this.#state[slot]!;
    const mayCome = (state & SlotState.KindMask) === SlotState.Stream && (state & SlotState.ReadingMask) < Reading.Ended;
    if (replacement !== undefined && mayCome) {
      slots.dropLeftover(slot);
      if (slots.leftovers.replace(slot, replacement)) slots.noteLeftover(slot);
    }
    return slots.leftovers.copy(slot);
  }

  /** One batch. A throw costs its own connection; the loop goes on with the record behind it. */
  #dispatch(count: number): void {
    const { slots } = this;
    this.#next = 0;
    this.#count = count;
    const begun = this.engine.memory.clock[0]!;
    slots.timers.inBatch = true;
    slots.ring.join();
    while (this.#next < this.#count) {
      try {
        this.#deliver();
      } catch (error) {
        this.#callbackThrew(error);
      }
    }
    slots.current = undefined;
    slots.ring.settle();
    this.budget.look();
    slots.timers.inBatch = false;
    this.#account(this.engine.now() - begun);
    if (this.#isDebugging && this.engine.name === 'native') this.#overwriteInput();
  }

  #account(tookMs: number): void {
    const { pace } = this;
    pace.busyMs += tookMs;
    if (tookMs > pace.longestBatchMs) pace.longestBatchMs = tookMs;
    if (tookMs >= SLOW_BATCH_MS) pace.slowBatches += 1;
  }

  #deliver(): void {
    const records = this.#records;
    const { handles } = this.slots;
    while (this.#next < this.#count) {
      const at = this.#next * WORDS;
      this.#next += 1;
      if (this.#next % RECORDS_PER_CLOCK === 0) this.slots.timers.refresh();
      const head = records[at]!;
      const slot = head >>> 8;
      if (records[at + 1] !== this.#generation[slot]) continue; // about an earlier owner
      const kind: RecordKind = head & 0xff;
      const a = records[at + 2]!;
      if (kind === RecordKind.Accept) {
        this.#accepted(slot, a);
        continue;
      }
      const handle = handles[slot];
      if (handle === undefined) continue; // closed, while its record waited
      this.slots.current = handle; // before anything of the application's is touched: also looking for a callback may throw
      switch (kind) {
        case RecordKind.Data:
          this.#data(handle, slot, a, records[at + 3]!);
          break;
        case RecordKind.Datagram:
          this.#datagram(handle, slot, a, records[at + 3]!);
          break;
        case RecordKind.Eof:
          this.#eof(handle, slot, a);
          break;
        case RecordKind.Drained:
          this.#drained(handle, slot);
          break;
        case RecordKind.Flushed:
          if (this.#payEof(handle, slot)) this.lifecycle.end(handle, Ending.Flushed);
          break;
        case RecordKind.WriteFailed:
          this.#writeFailed(handle, slot, a);
          break;
        case RecordKind.Timer:
          this.#timer(handle, slot);
          break;
        case RecordKind.Connected:
          this.#connected(handle);
          break;
        case RecordKind.ConnectFailed:
          (this.slots.pending.get(handle) as Connecting).refused(a);
          break;
        case RecordKind.ListenerError:
          this.lifecycle.report(handle, this.#acceptError(slot, a));
          break;
        case RecordKind.SendFailed:
          this.lifecycle.report(handle, systemError(a, records[at + 3] === 1 ? 'receive' : 'send'));
          break;
        case RecordKind.Refused:
          this.#refused(handle, a, records[at + 3]!);
          break;
        case RecordKind.Expired:
          this.lifecycle.exceeded(handle, expiryReason(a), expiryError(a, handle.mux.settings));
          break;
      }
    }
  }

  #accepted(slot: number, listenerSlot: number): void {
    const { slots, lifecycle } = this;
    const listener = slots.handles[listenerSlot];
    if (listener === undefined || (this.#state[listenerSlot]! & SlotState.KindMask) !== SlotState.Listener) {
      slots.ring.command(CommandKind.Close, slot, CloseMode.Abort); // its listener is closed
      return;
    }
    const { mux } = listener;
    const handle = new Handle(slot, mux);
    slots.current = handle;
    lifecycle.open(handle, slot, SlotState.Stream);
    mux.run.totals.accepted += 1;
    const callbacks = listener.callbacks ?? mux.callbacks;
    if (callbacks?.mux_connection !== undefined) this.#settle(handle, callbacks.mux_connection(mux, handle));
  }

  #refused(listener: Handle, refusal: number, count: number): void {
    const { mux } = listener;
    const callbacks = listener.callbacks ?? mux.callbacks;
    if (callbacks?.mux_refused === undefined) return;
    this.#settle(listener, callbacks.mux_refused(mux, listener, { reason: refusalReason(refusal), count }));
  }

  #connected(handle: Handle): void {
    const { slots } = this;
    if (!(slots.pending.get(handle) as Connecting).connected()) return;
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    if (callbacks?.mux_connection !== undefined) this.#settle(handle, callbacks.mux_connection(mux, handle));
  }

  #data(handle: Handle, slot: number, offset: number, length: number): void {
    const { slots } = this;
    const state = this.#state[slot]!;
    if ((state & SlotState.ReadingMask) >= Reading.Ended) return; // thrown away: it came before the engine knew
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    if (callbacks?.mux_input === undefined) {
      slots.dropLeftover(slot);
      return;
    }
    const { input } = slots;
    const { readSlab } = this.engine;
    if ((state & SlotState.HasLeftover) === 0) {
      input.present(readSlab, offset, offset + length);
      slots.recordStart = offset;
      slots.recordEnd = offset + length;
    } else {
      slots.leftovers.presentWith(slot, input, readSlab, offset, length);
    }
    const result = callbacks.mux_input(mux, handle, input);
    if (handle.slot === slot) this.#keepLeftover(handle, slot);
    this.#sealInput(result);
    if (result !== undefined) this.#settle(handle, result);
  }

  #datagram(handle: Handle, slot: number, offset: number, length: number): void {
    const { slots } = this;
    if ((this.#state[slot]! & SlotState.ReadingMask) >= Reading.Ended) return;
    const { readSlab } = this.engine;
    const payload = offset + addressBlockLength(readSlab, offset);
    const peer = slots.peers.get(slot);
    if (peer?.length === payload - offset) readSlab.copy(peer, 0, offset, payload);
    else slots.peers.set(slot, Buffer.from(readSlab.subarray(offset, payload)));
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    if (callbacks?.mux_input === undefined) return;
    slots.input.present(readSlab, payload, payload + length);
    slots.recordStart = payload;
    slots.recordEnd = payload + length;
    const result = callbacks.mux_input(mux, handle, slots.input);
    this.#sealInput(result);
    this.#settle(handle, result);
  }

  /** What the callback left stays for the next one, unless nobody will ask for it. */
  #keepLeftover(handle: Handle, slot: number): void {
    const { slots } = this;
    const { input } = slots;
    const state = this.#state[slot]!;
    const unread = input.end - input.start;
    if (unread === 0) {
      slots.dropLeftover(slot);
      return;
    }
    if ((state & SlotState.ReadingMask) >= Reading.Ended && (state & SlotState.EofOwed) === 0) {
      slots.dropLeftover(slot);
      return;
    }
    const { maxInbuffer } = handle.mux.settings;
    if (unread > maxInbuffer || input.bytes!.length < input.end) {
      const error =
        unread > maxInbuffer
          ? new NetmuxError('NETMUX_INBUFFER_LIMIT', `${unread} bytes of input are unread: more than the ${maxInbuffer} of maxInbuffer`)
          : new NetmuxError('NETMUX_BUFFER_DETACHED', `${unread} bytes of input were transferred before they were consumed`);
      input.seal();
      this.lifecycle.exceeded(handle, unread > maxInbuffer ? 'inbuffer' : 'failed', error);
      return;
    }
    this.budget.keep(unread);
    slots.leftovers.keep(slot, input);
    slots.noteLeftover(slot);
  }

  #eof(handle: Handle, slot: number, errno: number): void {
    const state = this.#state[slot]!;
    if ((state & SlotState.EofOwed) !== 0) {
      this.#payEof(handle, slot);
      return;
    }
    if ((state & SlotState.ReadingMask) >= Reading.Ended) return;
    this.#state[slot] = withReading(state, Reading.Ended);
    if (errno !== 0) this.slots.failures.failWith(handle, errno, 'read');
    this.#callEof(handle, slot);
    if (handle.slot === slot) this.lifecycle.end(handle, errno === 0 ? Ending.Fin : Ending.ReadFailed);
  }

  /**
   * Calls the `mux_eof` that a graceful close has promised, before anything else is told about the end of the output.
   * @returns whether the handle is still open
   */
  #payEof(handle: Handle, slot: number): boolean {
    if ((this.#state[slot]! & SlotState.EofOwed) === 0) return true;
    this.#next -= 1; // if it throws, the record is delivered once more: without it the connection would never end
    this.#callEof(handle, slot);
    this.#next += 1;
    if (handle.slot === slot) this.lifecycle.end(handle, Ending.EofPaid);
    return handle.slot === slot;
  }

  /** `mux_eof` with what was unread, which nobody will see again. */
  #callEof(handle: Handle, slot: number): void {
    const { slots } = this;
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    if (callbacks?.mux_eof === undefined) {
      slots.dropLeftover(slot);
      return;
    }
    slots.leftovers.present(slot, slots.input);
    const result = callbacks.mux_eof(mux, handle, slots.input);
    if (handle.slot === slot) slots.dropLeftover(slot);
    this.#sealInput(result);
    this.#settle(handle, result);
  }

  #drained(handle: Handle, slot: number): void {
    if (!this.#payEof(handle, slot)) return;
    const { mux } = handle;
    const callbacks = handle.callbacks ?? mux.callbacks;
    if (callbacks?.mux_outbuffer_empty === undefined) return;
    this.#settle(handle, callbacks.mux_outbuffer_empty(mux, handle));
  }

  #writeFailed(handle: Handle, slot: number, errno: number): void {
    if (!this.#payEof(handle, slot)) return;
    this.#state[slot] = withWriting(this.#state[slot]!, Writing.Failed);
    const error = errno === DETACHED ? detached() : systemError(errno, 'write');
    this.slots.failures.fail(handle, 'failed', error);
    if (error.code === 'EPIPE' || error.code === 'ECONNRESET') {
      const { mux } = handle;
      const callbacks = handle.callbacks ?? mux.callbacks;
      if (callbacks?.mux_epipe !== undefined) this.#settle(handle, callbacks.mux_epipe(mux, handle));
    } else {
      this.lifecycle.report(handle, error);
    }
    if (handle.slot === slot) this.lifecycle.close(handle, CloseMode.Abort);
  }

  #timer(handle: Handle, slot: number): void {
    const { mux } = handle;
    if (!mux.run.isRunning) return; // the run arms it again when it begins
    if (!this.slots.timers.take(slot)) return;
    const callbacks = handle.callbacks ?? mux.callbacks;
    if (callbacks?.mux_timeout === undefined) {
      mux.run.timerInVain();
      return;
    }
    mux.run.totals.timeouts += 1;
    this.#settle(handle, callbacks.mux_timeout(mux, handle));
  }

  /** The input that a callback was given must not be read any more. An object that it took along is left to it for good. */
  #sealInput(result: unknown): void {
    const { slots } = this;
    slots.input.seal();
    slots.recordEnd = -1;
    if (this.#isDebugging || isThenable(result)) this.#renewInput();
  }

  #renewInput(): void {
    const input = new InputBuffer();
    input.gaveViews = this.slots.input.gaveViews;
    if (this.#isDebugging) input.copies = [];
    if (this.#isDebugging || this.engine.name === 'node') input.seen = this.slots.input.seen ?? new WeakSet();
    this.slots.input = input;
  }

  /** A promise that a callback returned counts as a throw when it is rejected while its handle is open. */
  #settle(handle: Handle, result: unknown): void {
    if (!isThenable(result)) return;
    Promise.resolve(result).catch((error) => {
      if (handle.closed) handle.mux.complain(error, handle);
      else this.lifecycle.failed(handle, error);
    });
  }

  #callbackThrew(error: unknown): void {
    const handle = this.slots.current;
    if (handle === undefined) throw error; // not a callback's
    this.#sealInput(undefined);
    this.lifecycle.failed(handle, error);
  }

  /** The slab is free again once what was forwarded from it has left. */
  #overwriteInput(): void {
    this.engine.drain();
    this.engine.readSlab.fill(EXPIRED_BYTE);
  }

  #acceptError(slot: number, errno: number): Error {
    const address = this.engine.address(slot, 'local');
    return systemError(errno, 'accept', address && subjectOf(address));
  }
}

function detached(): NetmuxError {
  return new NetmuxError('NETMUX_BUFFER_DETACHED', 'write: a buffer was transferred or resized before it was sent');
}
