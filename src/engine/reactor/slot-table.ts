import type { SharedMemory } from '../../native/shared-memory.js';

const NONE = -1;

/**
 * Which handle has which slot. Freed slots are used again in the order in which they were freed, so that a number
 * stays out of use as long as possible.
 */
export class SlotTable<Owner extends { readonly slot: number }> {
  readonly #memory: SharedMemory;
  readonly #handles: (Owner | undefined)[] = [];
  readonly #nextFree: Int32Array;
  #firstFree = NONE;
  #lastFree = NONE;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
    this.#nextFree = new Int32Array(memory.maxHandles);
  }

  /** @returns a slot that nobody has, or undefined if the table is full */
  allocate(): number | undefined {
    const slot = this.#firstFree;
    if (slot === NONE) {
      if (this.#handles.length === this.#memory.maxHandles) return undefined;
      return this.#handles.push(undefined) - 1;
    }
    this.#firstFree = this.#nextFree[slot]!;
    if (this.#firstFree === NONE) this.#lastFree = NONE;
    return slot;
  }

  occupy(handle: Owner): void {
    this.#handles[handle.slot] = handle;
  }

  /** The owner of the slot at that generation; undefined for an earlier owner. */
  find(slot: number, generation: number): Owner | undefined {
    return this.#memory.generation[slot] === generation ? this.#handles[slot] : undefined;
  }

  at(slot: number): Owner | undefined {
    return this.#handles[slot];
  }

  /** From here on the slot's records and commands are about an earlier owner. The number is not given out yet. */
  vacate(slot: number): void {
    this.#handles[slot] = undefined;
    this.#memory.generation[slot]! += 1;
  }

  /** Gives the number of a vacated slot out again. */
  free(slot: number): void {
    const { unsent, deadline, wheelDue, interest, traffic } = this.#memory;
    unsent[slot] = 0;
    deadline[slot] = 0;
    wheelDue[slot] = 0;
    interest[slot] = 0;
    traffic[2 * slot] = 0;
    traffic[2 * slot + 1] = 0;
    this.#nextFree[slot] = NONE;
    if (this.#lastFree === NONE) this.#firstFree = slot;
    else this.#nextFree[this.#lastFree] = slot;
    this.#lastFree = slot;
  }
}
