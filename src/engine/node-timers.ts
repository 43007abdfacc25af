import { RECORD_CAPACITY, RecordKind, WORDS } from '../native/contract.js';
import type { SharedMemory } from '../native/shared-memory.js';
import { TimerHeap } from './node-timer-heap.js';

/** What the timers ask of the reactor. */
interface Clockwork {
  now(): number;
  turn(): void;
}

/**
 * The timers of all handles behind one timer of Node's. Due ones are delivered in the phase after Node has polled
 * (`setImmediate`), so input that came before a deadline is reported before the timer, as the contract wants it.
 */
export class NodeTimers {
  readonly #memory: SharedMemory;
  readonly #reactor: Clockwork;
  readonly #heap: TimerHeap;
  #alarm: NodeJS.Timeout | undefined;
  #alarmDue = 0;
  #immediate: NodeJS.Immediate | undefined;
  /** From the beginning of a turn in the phase after polling to the last due timer. */
  #delivering = false;

  constructor(memory: SharedMemory, reactor: Clockwork) {
    this.#memory = memory;
    this.#reactor = reactor;
    this.#heap = new TimerHeap(memory.maxHandles);
  }

  /** Whether due timers wait for a next batch. */
  get delivering(): boolean {
    return this.#delivering;
  }

  /** Takes the slot's `deadline` up. */
  arm(slot: number): void {
    const deadline = this.#memory.deadline[slot]!;
    // A timer armed and cancelled in one batch is not queued, and the slot must not say it is.
    this.#memory.wheelDue[slot] = deadline;
    if (deadline === 0) this.#heap.remove(slot);
    else this.#heap.put(slot, deadline);
  }

  remove(slot: number): void {
    this.#heap.remove(slot);
  }

  /**
   * Writes records of timers that are due, if it is their time in the turn.
   * @returns how many
   */
  fill(records: Int32Array): number {
    if (!this.#delivering) return 0;
    const { deadline, wheelDue, generation } = this.#memory;
    const now = this.#now();
    let count = 0;
    while (count < RECORD_CAPACITY) {
      const slot = this.#heap.takeDue(now);
      if (slot === undefined) {
        this.#delivering = false;
        break;
      }
      const due = deadline[slot]!;
      if (due !== 0 && ((due - now) | 0) > 0) {
        wheelDue[slot] = due;
        this.#heap.put(slot, due);
        continue;
      }
      wheelDue[slot] = 0;
      if (due === 0) continue;
      const at = count * WORDS;
      records[at] = (slot << 8) | RecordKind.Timer;
      records[at + 1] = generation[slot]!;
      records[at + 2] = 0;
      records[at + 3] = 0;
      count += 1;
    }
    return count;
  }

  /**
   * Looks at the earliest entry and sees to it that its time is noticed.
   * @param polled whether Node has just polled: a turn is over. What came due in it is not left to Node's own timers,
   *   which would poll for new input first; what came due elsewhere is.
   */
  watch(polled: boolean): void {
    const due = this.#heap.earliest();
    if (due === undefined || this.#immediate !== undefined || this.#delivering) return;
    const left_ms = (due - this.#now()) | 0;
    if (polled && left_ms <= 0) {
      this.#immediate = setImmediate(() => this.#deliver());
      return;
    }
    if (this.#alarm !== undefined && ((this.#alarmDue - due) | 0) <= 0) return;
    clearTimeout(this.#alarm);
    this.#alarmDue = due;
    const wait_ms = Math.max(1, left_ms); // Node warns of negative ones
    this.#alarm = setTimeout(() => {
      this.#alarm = undefined;
      this.#immediate ??= setImmediate(() => this.#deliver());
    }, wait_ms).unref();
  }

  /** The turn that begins now delivers what is due, too, once its input is through. */
  begin(): void {
    this.#delivering = true;
  }

  #deliver(): void {
    this.#immediate = undefined;
    this.begin();
    this.#reactor.turn();
  }

  /** Whole milliseconds, rounded down: a timer is never early. */
  #now(): number {
    return Math.floor(this.#reactor.now()) | 0;
  }
}
