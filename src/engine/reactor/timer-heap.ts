const ABSENT = 0;

/**
 * Slots ordered by when they are to be looked at: a binary heap that knows where each slot stands, so that a slot
 * has one entry at most and leaves at once when it is freed. Times are Int32 milliseconds that wrap; two are compared
 * by their signed difference.
 */
export class TimerHeap {
  readonly #due: Int32Array;
  /** By slot: its place in the heap, from 1 on. */
  readonly #place: Int32Array;
  /** From index 1 on. */
  readonly #slots: number[] = [0];

  constructor(maxHandles: number) {
    this.#due = new Int32Array(maxHandles);
    this.#place = new Int32Array(maxHandles);
  }

  get size(): number {
    return this.#slots.length - 1;
  }

  /** Queues the slot, or moves it. */
  put(slot: number, due: number): void {
    this.#due[slot] = due;
    let place = this.#place[slot]!;
    if (place === ABSENT) {
      place = this.#slots.push(slot) - 1;
      this.#place[slot] = place;
    }
    this.#sink(this.#rise(place));
  }

  remove(slot: number): void {
    const place = this.#place[slot]!;
    if (place === ABSENT) return;
    this.#place[slot] = ABSENT;
    const last = this.#slots.pop()!;
    if (last === slot) return;
    this.#set(place, last);
    this.#sink(this.#rise(place));
  }

  /** The earliest time, undefined when nothing is queued. */
  earliest(): number | undefined {
    return this.size === 0 ? undefined : this.#due[this.#slots[1]!]!;
  }

  /** Takes out one slot that is due at `now`; undefined if there is none. */
  takeDue(now: number): number | undefined {
    const slot = this.#slots[1];
    if (slot === undefined || ((this.#due[slot]! - now) | 0) > 0) return undefined;
    this.remove(slot);
    return slot;
  }

  #before(a: number, b: number): boolean {
    return ((this.#due[a]! - this.#due[b]!) | 0) < 0;
  }

  #set(place: number, slot: number): void {
    this.#slots[place] = slot;
    this.#place[slot] = place;
  }

  #rise(from: number): number {
    let place = from;
    const slot = this.#slots[place]!;
    while (place > 1 && this.#before(slot, this.#slots[place >> 1]!)) {
      this.#set(place, this.#slots[place >> 1]!);
      place >>= 1;
    }
    this.#set(place, slot);
    return place;
  }

  #sink(from: number): void {
    let place = from;
    const slot = this.#slots[place]!;
    for (;;) {
      let child = 2 * place;
      if (child > this.size) break;
      if (child < this.size && this.#before(this.#slots[child + 1]!, this.#slots[child]!)) child += 1;
      if (!this.#before(this.#slots[child]!, slot)) break;
      this.#set(place, this.#slots[child]!);
      place = child;
    }
    this.#set(place, slot);
  }
}
