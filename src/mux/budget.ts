import { NetmuxError } from '../errors.js';
import { SlotState } from './half-close.js';
import type { Handle } from './handle.js';
import type { Lifecycle } from './lifecycle.js';
import type { Mux } from './mux.js';
import type { Slots } from './slots.js';

/** The part of a budget that is free again when connections were shed, so that the next byte does not shed another. */
const FREED_PART = 1 / 16;

interface Consumer {
  readonly handle: Handle;
  readonly bytes: number;
}

/**
 * `maxBuffered`: bytes that wait in all, unsent or unread. What was appended since the last count is an upper bound of what can have
 * been added, so handles are counted only when that passes what was free: a comparison for each batch, and nothing for a write
 * but an addition.
 */
export class Budget {
  readonly #slots: Slots;
  readonly #lifecycle: Lifecycle;
  /** Multiplexers that run and have one. */
  readonly #muxes = new Set<Mux>();
  /** Bytes of input left unread so far, each time that they are. */
  #kept = 0;
  /** How much may be appended before somebody can have passed his budget. */
  #threshold = Number.POSITIVE_INFINITY;

  constructor(slots: Slots, lifecycle: Lifecycle) {
    this.#slots = slots;
    this.#lifecycle = lifecycle;
    slots.ring.afterFlush = () => this.look();
  }

  /** A multiplexer runs, or does not run any more. */
  watch(mux: Mux, on: boolean): void {
    if (mux.settings.maxBuffered === 0) return;
    if (on) this.#muxes.add(mux);
    else this.#muxes.delete(mux);
    this.#threshold = on ? Number.NEGATIVE_INFINITY : this.#threshold;
  }

  /** Input was left unread. */
  keep(bytes: number): void {
    this.#kept += bytes;
  }

  /** Sheds where a budget is passed. Between batches, and at the end of one. */
  look(): void {
    if (this.#appended <= this.#threshold) return;
    this.#slots.ring.encode();
    this.#slots.engine.drain(); // only what the kernel does not take is a burden
    let free = Number.POSITIVE_INFINITY;
    for (const mux of [...this.#muxes]) free = Math.min(free, this.#shed(mux));
    this.#threshold = this.#appended + free;
  }

  get #appended(): number {
    return this.#slots.ring.appended + this.#kept;
  }

  /** @returns how much may be appended before it is worth to look again */
  #shed(mux: Mux): number {
    const { maxBuffered } = mux.settings;
    const consumers = this.#consumersOf(mux);
    let total = consumers.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > maxBuffered) {
      consumers.sort((a, b) => b.bytes - a.bytes);
      for (const { handle, bytes } of consumers) {
        if (total <= maxBuffered * (1 - FREED_PART)) break;
        const message = `${total} bytes wait in all: more than the ${maxBuffered} of maxBuffered, and ${bytes} of them here are the most`;
        if (!handle.closed) this.#lifecycle.exceeded(handle, 'buffered', new NetmuxError('NETMUX_BUFFERED_LIMIT', message));
        total -= bytes;
      }
    }
    return Math.max(maxBuffered - total, maxBuffered * FREED_PART);
  }

  #consumersOf(mux: Mux): Consumer[] {
    const slots = this.#slots;
    const streams = slots.handlesOf(mux).filter(({ slot }) => (slots.state[slot]! & SlotState.KindMask) === SlotState.Stream);
    return streams
      .map((handle) => ({ handle, bytes: slots.memory.unsent[handle.slot]! + slots.unread(handle) }))
      .filter(({ bytes }) => bytes > 0);
  }
}
