import { type CommandRing, type Engine, Interest, type Opened, type SharedMemory, type SocketOptions } from '../engine/engine.js';
import { Failures } from './failures.js';
import { SlotState } from './half-close.js';
import type { Handle } from './handle.js';
import { InputBuffer } from './input-buffer.js';
import { Leftovers } from './leftovers.js';
import type { Mux } from './mux.js';
import type { SetUp } from './set-up.js';
import { Timers } from './timers.js';

/** A handle has given up its slot; it never names a later owner. */
export const DEAD = -1;

/** A handle that is to be bound or connected has no slot yet. */
export const PENDING = -2;

/** Whose memory bytes lie in that are not in the read slab. */
export const enum Origin {
  /** The application's. */
  Caller = -1,
  /** The input that a callback is reading: it is overwritten when that returns. */
  Input = -2,
  /** Input whose callback is over. */
  Expired = -3,
}

/**
 * All that the multiplexer knows of the slots of one engine, and the input that a callback is reading now. A table
 * that few connections need is a map, so that the others do not pay for it.
 */
export class Slots {
  readonly engine: Engine;
  readonly memory: SharedMemory;
  readonly ring: CommandRing;
  readonly timers: Timers;
  readonly leftovers = new Leftovers();
  readonly failures = new Failures();

  /** The owner of each slot; also of one whose connection is not established yet. */
  readonly handles: (Handle | undefined)[] = [];
  /** `SlotState` of each slot. */
  readonly state: Uint8Array;

  /** Handles that are being bound or connected. */
  readonly pending = new Map<Handle, SetUp>();
  /** Handles that do not keep the process alive. */
  readonly unreferenced = new Set<Handle>();
  /** Writes that were refused. */
  readonly dropped = new WeakMap<Handle, number>();
  /** The address block of the last sender, by slot of a datagram socket. */
  readonly peers = new Map<number, Buffer>();

  /** Descriptors that were given by number: by slot, and all of them. */
  readonly #adopted = new Map<number, number>();
  readonly descriptors = new Set<number>();

  /** Handles whose `mux_close` runs, innermost last, and the slots they had: addresses and counters still answer in it. */
  readonly closing: { readonly handle: Handle; readonly slot: number }[] = [];

  /** Presents its bytes to one callback after the other. */
  input = new InputBuffer();
  /** Whose callback runs; undefined between callbacks. */
  current: Handle | undefined;
  /** Where the bytes lie in the read slab that are dispatched now; an empty range at other times. */
  recordStart = 0;
  recordEnd = -1;

  constructor(engine: Engine) {
    this.engine = engine;
    this.memory = engine.memory;
    this.ring = engine.ring;
    this.timers = new Timers(engine);
    this.state = new Uint8Array(engine.memory.maxHandles);
  }

  /** The handles of one multiplexer that have a slot. */
  handlesOf(mux: Mux): Handle[] {
    return this.handles.filter((handle, slot): handle is Handle => handle?.mux === mux && handle.slot === slot);
  }

  /** Gives a slot its owner. */
  occupy(slot: number, handle: Handle, state: number): void {
    const { handles } = this;
    while (handles.length <= slot) handles.push(undefined); // a hole would turn the array into a dictionary
    handles[slot] = handle;
    this.state[slot] = state;
  }

  /** Takes over a descriptor that is not known yet. */
  adopt(descriptor: number, options: SocketOptions): Opened {
    return this.#noted(descriptor, this.engine.adopt(descriptor, options));
  }

  /** The same of a listening or datagram socket. */
  adoptListener(descriptor: number, options: SocketOptions): Opened {
    return this.#noted(descriptor, this.engine.adoptListener(descriptor, options));
  }

  #noted(descriptor: number, opened: Opened): Opened {
    this.#adopted.set(opened.slot, descriptor);
    this.descriptors.add(descriptor);
    return opened;
  }

  /** Forgets all about a slot. The engine frees it when it executes `Close`, or has released it. */
  vacate(slot: number): void {
    this.handles[slot] = undefined;
    this.timers.cancel(slot);
    this.dropLeftover(slot);
    this.memory.interest[slot] = 0;
    if (this.peers.size > 0) this.peers.delete(slot);
    if (this.#adopted.size > 0) this.#forgetDescriptor(slot);
  }

  /** Tells the engine whether anybody waits for `mux_outbuffer_empty`. */
  setInterest(handle: Handle): void {
    const callbacks = handle.callbacks ?? handle.mux.callbacks;
    let isWaiting = false;
    try {
      isWaiting = callbacks?.mux_outbuffer_empty !== undefined;
    } catch (error) {
      handle.mux.complain(error); // a getter's; the handle is half open here, and must not stay so
    }
    const others = this.memory.interest[handle.slot]! & ~Interest.Drained;
    this.memory.interest[handle.slot] = others | (isWaiting ? Interest.Drained : 0);
  }

  /** The slot of a handle, also while its `mux_close` runs; negative if it has none. */
  slotOf(handle: Handle): number {
    if (handle.slot >= 0) return handle.slot;
    for (const entry of this.closing) if (entry.handle === handle) return entry.slot;
    return DEAD;
  }

  /** The side table of leftovers has unread input of a slot: the engine is to see to it that the message is finished in time. */
  noteLeftover(slot: number): void {
    this.state[slot]! |= SlotState.HasLeftover;
    this.memory.interest[slot]! |= Interest.Unfinished;
  }

  /** Forgets the unread input of a slot. */
  dropLeftover(slot: number): void {
    if ((this.state[slot]! & SlotState.HasLeftover) === 0) return;
    this.leftovers.drop(slot);
    this.state[slot]! &= ~SlotState.HasLeftover;
    this.memory.interest[slot]! &= ~Interest.Unfinished;
  }

  /** Whether the callback that runs now reads the input of this handle. */
  isReading(handle: Handle): boolean {
    return this.current === handle && this.input.bytes !== null;
  }

  /**
   * Whose bytes these are, as far as can be told: where they lie in the read slab if they belong to the record that is
   * dispatched now, else an `Origin`.
   */
  originOf(bytes: Uint8Array): number {
    const { gaveViews, bytes: present, copies, seen } = this.input;
    if (!gaveViews) return Origin.Caller;
    const memory = bytes.buffer; // a call, in today's V8: only made by those who use views
    const { readSlab } = this.engine;
    if (memory === readSlab.buffer) {
      const offset = bytes.byteOffset - readSlab.byteOffset;
      return offset >= this.recordStart && offset + bytes.length <= this.recordEnd ? offset : Origin.Expired;
    }
    if (present !== null && present !== readSlab && memory === present.buffer) return Origin.Input;
    if (copies?.includes(memory as ArrayBuffer) === true) return Origin.Input;
    return this.leftovers.isShared(memory) || seen?.has(memory) === true ? Origin.Expired : Origin.Caller;
  }

  /** Bytes of the handle that no callback has consumed. */
  unread(handle: Handle): number {
    if (this.isReading(handle)) return this.input.length;
    return this.leftovers.length(handle.slot);
  }

  #forgetDescriptor(slot: number): void {
    const descriptor = this.#adopted.get(slot);
    if (descriptor === undefined) return;
    this.#adopted.delete(slot);
    this.descriptors.delete(descriptor);
  }
}
