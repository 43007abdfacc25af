import { Counter, Expiry, Interest, RECORD_CAPACITY, RecordKind, WORDS } from '../../native/contract.js';
import type { SharedMemory } from '../../native/shared-memory.js';
import type { TimeWatch } from './time-watch.js';
import { TimerHeap } from './timer-heap.js';

/** What the timers ask of the reactor. */
interface Clockwork {
  now(): number;
  /** Whether the application has paused the slot. */
  isPaused(slot: number): boolean;
  /** Numbers the polls of the kernel, where a peer's bytes may lie that no turn has seen yet; undefined where there is no kernel. */
  presentPoll(): number | undefined;
}

/** A slot may have both of its records, `Timer` and `Expired`, in one batch. */
const MOST_RECORDS_OF_A_SLOT = 2;

/** The timers of all handles, and the limits of time of connections. */
export class Timers {
  readonly #memory: SharedMemory;
  readonly #reactor: Clockwork;
  readonly #heap: TimerHeap;
  /** Connections with limits of time, which share the entry of the slot. */
  readonly #watches = new Map<number, TimeWatch>();
  /** From the beginning of a turn that delivers them to the last due timer. */
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

  /** When a slot is to be looked at next; undefined when none is. */
  get earliest(): number | undefined {
    return this.#heap.earliest();
  }

  /** Looks at a connection's limits of time from now on. */
  watchOver(slot: number, watch: TimeWatch): void {
    this.#watches.set(slot, watch);
    const { next } = this.#look(slot, watch, this.#now());
    this.#memory.wheelDue[slot] = next;
    this.#heap.put(slot, next);
  }

  /** Takes the slot's `deadline` up. */
  arm(slot: number): void {
    const deadline = this.#memory.deadline[slot]!;
    if (this.#watches.has(slot)) {
      // Its entry is that of its limits, too: it comes at the earliest time that was asked for, and moves on by itself.
      const { wheelDue } = this.#memory;
      const looks = wheelDue[slot]!;
      if (deadline !== 0 && (looks === 0 || ((deadline - looks) | 0) < 0)) wheelDue[slot] = deadline;
      if (wheelDue[slot] !== 0) this.#heap.put(slot, wheelDue[slot]!);
      return;
    }
    // A timer armed and cancelled in one batch is not queued, and the slot must not say it is.
    this.#memory.wheelDue[slot] = deadline;
    if (deadline === 0) this.#heap.remove(slot);
    else this.#heap.put(slot, deadline);
  }

  remove(slot: number): void {
    this.#heap.remove(slot);
    this.#watches.delete(slot);
  }

  /** The turn that begins now delivers what is due, too, once its input is through. */
  begin(): void {
    this.#delivering = true;
  }

  /**
   * Writes records of timers that are due, if it is their time in the turn.
   * @returns how many
   */
  fill(records: Int32Array): number {
    if (!this.#delivering) return 0;
    const { deadline, wheelDue } = this.#memory;
    const now = this.#now();
    let count = 0;
    while (count <= RECORD_CAPACITY - MOST_RECORDS_OF_A_SLOT) {
      const slot = this.#heap.takeDue(now);
      if (slot === undefined) {
        this.#delivering = false;
        break;
      }
      const due = deadline[slot]!;
      const isDue = due !== 0 && ((due - now) | 0) <= 0;
      let next = isDue ? 0 : due;
      const watch = this.#watches.size > 0 ? this.#watches.get(slot) : undefined;
      if (isDue) {
        this.#memory.counters[Counter.Timers]! += 1;
        this.#record(records, count++, slot, RecordKind.Timer, 0);
      }
      if (watch !== undefined) {
        const look = this.#look(slot, watch, now);
        if (look.reached !== Expiry.None && this.#isHasty(watch, look.reached)) {
          next = (now + 1) | 0 || 1;
        } else if (look.reached !== Expiry.None) {
          // Whoever hears of it closes the connection: it is not watched over any more.
          this.#watches.delete(slot);
          this.#record(records, count++, slot, RecordKind.Expired, look.reached);
        } else if (next === 0 || (look.next !== 0 && ((look.next - next) | 0) < 0)) {
          next = look.next;
        }
      }
      wheelDue[slot] = next;
      if (next !== 0) this.#heap.put(slot, next);
    }
    return count;
  }

  #look(slot: number, watch: TimeWatch, now: number): { readonly reached: Expiry; readonly next: number } {
    const { interest, unsent, traffic } = this.#memory;
    const paused = this.#reactor.isPaused(slot);
    const unfinished = (interest[slot]! & Interest.Unfinished) !== 0 || unsent[slot]! > 0;
    return watch.look({ paused, unfinished, received: traffic[2 * slot]!, sent: traffic[2 * slot + 1]! }, now);
  }

  /**
   * Whether the connection has to be looked at again when the kernel was polled once more: where a callback took long, what the peer sent
   * meanwhile is still the kernel's.
   */
  #isHasty(watch: TimeWatch, reached: Expiry): boolean {
    if (reached !== Expiry.Idle && reached !== Expiry.FirstByte) return false;
    const poll = this.#reactor.presentPoll();
    if (poll === undefined) return false;
    if (watch.suspectedIn === 0) watch.suspectedIn = poll;
    return watch.suspectedIn === poll;
  }

  #record(records: Int32Array, index: number, slot: number, kind: RecordKind, a: number): void {
    const at = index * WORDS;
    records[at] = (slot << 8) | kind;
    records[at + 1] = this.#memory.generation[slot]!;
    records[at + 2] = a;
    records[at + 3] = 0;
  }

  /** Whole milliseconds, rounded down: a timer is never early. */
  #now(): number {
    return Math.floor(this.#reactor.now()) | 0;
  }
}
