import { constants } from 'node:os';
import { systemError } from '../../errors.js';
import { CloseMode, CommandKind, Control, Counter, RECORD_CAPACITY, REFUSALS, type RecordKind, WORDS } from '../../native/contract.js';
import { allocateSharedMemory, type SharedMemory } from '../../native/shared-memory.js';
import { type Address, addressBlockLength, decodeAddress, subjectOf } from '../address.js';
import { CommandRing } from '../command-ring.js';
import type { Door, Pass } from './admission.js';
import type { Batch, ReactorHandle, ReactorTurn } from './handle.js';
import { SlotTable } from './slot-table.js';
import { TimeWatch } from './time-watch.js';
import { Timers } from './timers.js';

/** What waits to become a record. */
export interface Waiting {
  readonly handle: ReactorHandle;
  /** undefined: the handle has input to read. */
  readonly kind: RecordKind | undefined;
  readonly a: number;
  readonly b: number;
}

/** A command of the ring that waits for the end of the batch. */
interface Postponed {
  readonly kind: CommandKind;
  readonly handle: ReactorHandle;
  readonly a: number;
  readonly b: number;
}

/** A handle whose `Close` was executed. */
interface Leaving {
  readonly handle: ReactorHandle;
  readonly mode: CloseMode;
  readonly lingerMs: number;
}

/**
 * The reactor of the engines that are written in TypeScript. Its steps are those of the native core (`docs/architecture.md`, "One
 * turn"): what has happened becomes batches of records, what the dispatcher answers is executed. An engine says how bytes travel
 * (its handles), what a batch may hold (`fill`), and when a turn ends (`deliver`).
 */
export abstract class Reactor implements ReactorTurn, Batch {
  readonly memory: SharedMemory;
  readonly ring: CommandRing;
  /** What `Data` and `Datagram` records of the present batch point into. */
  readSlab: Buffer;
  lingering = 0;

  /** Results of commands, and what else handles have reported. */
  protected waiting: Waiting[] = [];
  protected readonly timers: Timers;
  readonly #slots: SlotTable<ReactorHandle>;
  #dispatch: (count: number) => void = () => {};
  #postponed: Postponed[] = [];
  #leaving: Leaving[] = [];
  #references: (Uint8Array | undefined)[] = [];
  #freeReferences: number[] = [];
  #isRunning = false;
  #resumption: NodeJS.Immediate | undefined;
  /** Of the batch that is being filled: records, and bytes of the read slab. */
  #records = 0;
  #placed = 0;

  constructor(maxHandles: number) {
    this.memory = allocateSharedMemory(maxHandles);
    this.ring = new CommandRing(this.memory, this);
    this.readSlab = this.memory.readSlab;
    this.#slots = new SlotTable(this.memory);
    this.timers = new Timers(this.memory, this);
  }

  /** Milliseconds, with fractions, since the engine's origin. */
  abstract now(): number;

  abstract offer(handle: ReactorHandle): void;

  abstract after(ms: number, call: () => void): () => void;

  /** Writes the next batch of what waits, timers aside. */
  protected abstract fill(): void;

  /** Delivers batch by batch what waits. @returns whether nothing is left */
  protected abstract deliverBatches(): boolean;

  /** Nothing is to be done for the moment. @param _polled whether a turn is over */
  protected rest(_polled: boolean): void {}

  // What the engine offers to the dispatcher (Engine).

  attach(dispatch: (count: number) => void): void {
    this.#dispatch = dispatch;
  }

  release(slot: number): number {
    const handle = this.#at(slot);
    const descriptor = handle.release();
    this.#vacate(handle);
    this.free(handle);
    return descriptor;
  }

  address(slot: number, side: 'local' | 'remote'): Address | undefined {
    return this.#at(slot).address(side);
  }

  descriptor(slot: number): number {
    return this.#at(slot).descriptor();
  }

  outbox(slot: number): Buffer {
    return this.#at(slot).outbox();
  }

  refused(slot: number): Float64Array {
    return this.#at(slot).refused ?? new Float64Array(REFUSALS);
  }

  /** Keeps `buffer` under a number until the command that names it is executed. */
  reference(buffer: Uint8Array): number {
    const number = this.#freeReferences.pop() ?? this.#references.length;
    this.#references[number] = buffer;
    return number;
  }

  /** The buffer with that number. */
  referenced(number: number): Uint8Array {
    return this.#references[number] ?? new Uint8Array();
  }

  /** Executes the writes of the ring; other commands are put aside for the end of the batch. */
  drain(): void {
    const { commands, control } = this.memory;
    const count = control[Control.CommandCount]!;
    if (count === 0) return;
    const touched: ReactorHandle[] = [];
    for (let at = 0; at < count * WORDS; at += WORDS) {
      const head = commands[at]!;
      const handle = this.#slots.find(head >>> 8, commands[at + 1]!);
      const isOutput = this.#executeOutput(head & 0xff, handle, commands[at + 2]!, commands[at + 3]!);
      if (handle === undefined || !isOutput || handle.touched) continue;
      handle.touched = true;
      touched.push(handle);
    }
    control[Control.CommandCount] = 0;
    control[Control.OutputUsed] = 0;
    for (const handle of touched) {
      handle.touched = false;
      handle.flushOutput();
    }
  }

  /**
   * Executes the ring, for what is ordered outside of a turn. Nobody is called: what comes of it is delivered in a turn
   * of its own, since whoever ordered is still under way.
   */
  flush(): void {
    if (this.#isRunning) return;
    this.execute();
    this.dismiss();
    if (this.isWaiting) this.#resumeLater();
    this.rest(false);
  }

  // What handles ask for (ReactorTurn).

  report(kind: RecordKind, handle: ReactorHandle, a = 0, b = 0): void {
    if (!handle.closed) this.waiting.push({ handle, kind, a, b });
  }

  /** As `Timers` asks for it. */
  presentPoll(): number | undefined {
    return undefined;
  }

  isPaused(slot: number): boolean {
    return this.#slots.at(slot)?.paused ?? false;
  }

  // The batch (Batch).

  get recordsLeft(): number {
    return RECORD_CAPACITY - this.#records;
  }

  get room(): number {
    return this.memory.readSlab.length - this.#placed;
  }

  record(kind: RecordKind, slot: number, a: number, b: number): void {
    const { records, generation } = this.memory;
    const at = this.#records * WORDS;
    records[at] = (slot << 8) | kind;
    records[at + 1] = generation[slot]!;
    records[at + 2] = a;
    records[at + 3] = b;
    this.#records += 1;
  }

  place(bytes: Uint8Array): number {
    const offset = this.#placed;
    this.readSlab = this.memory.readSlab;
    this.readSlab.set(bytes, offset);
    this.#placed = (offset + bytes.length + 3) & ~3;
    return offset;
  }

  /**
   * Executes what is in the ring and delivers what waits, so far as the engine goes in one turn. Inside a turn nothing happens: the
   * turn under way does it.
   */
  turn(): void {
    if (this.#isRunning) return;
    const { control, counters } = this.memory;
    this.#isRunning = true;
    counters[Counter.Turns]! += 1;
    control[Control.InTurn] = 1;
    let isThrough = false;
    try {
      isThrough = this.deliverBatches();
    } finally {
      control[Control.InTurn] = 0;
      this.#isRunning = false;
      this.dismiss();
      if (!isThrough) this.#resumeLater();
    }
    this.rest(true);
  }

  protected get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /** Hands the next batch to the dispatcher, and executes what it answers. @returns false where there is none */
  protected deliverBatch(): boolean {
    this.#records = 0;
    this.#placed = 0;
    this.fill();
    const count = this.#records > 0 ? this.#records : this.timers.fill(this.memory.records);
    if (count === 0) return false;
    const { clock, counters } = this.memory;
    clock[0] = this.now();
    counters[Counter.Batches]! += 1;
    counters[Counter.Records]! += count;
    this.#dispatch(count);
    this.execute();
    return true;
  }

  protected execute(): void {
    this.drain();
    const commands = this.#postponed;
    if (commands.length === 0) return;
    this.#postponed = [];
    for (const command of commands) {
      if (!command.handle.closed) this.#control(command);
    }
  }

  /** Gives up the descriptors of closed handles, and their slots: not before the last batch that could name them. */
  protected dismiss(): void {
    const leaving = this.#leaving;
    if (leaving.length === 0) return;
    this.#leaving = [];
    for (const { handle, mode, lingerMs } of leaving) {
      this.lingering += 1;
      const freed = () => {
        this.lingering -= 1;
        this.free(handle);
      };
      handle.end(mode, freed, lingerMs);
    }
  }

  /** The descriptor is closed: its number and its place among those that are limited are free. */
  protected free(handle: ReactorHandle): void {
    this.#slots.free(handle.slot);
    handle.pass?.leave();
  }

  /** Fills a slot. @throws a system error EMFILE where the table is full */
  protected install<Handle extends ReactorHandle>(syscall: string, make: (slot: number) => Handle, address?: Address): Handle {
    const slot = this.#slots.allocate();
    if (slot === undefined) throw systemError(constants.errno.EMFILE, syscall, address && subjectOf(address));
    const handle = make(slot);
    this.#slots.occupy(handle);
    return handle;
  }

  /** Fills a slot with an accepted connection. @returns undefined where the table is full */
  protected installAccepted<Handle extends ReactorHandle>(
    door: Door | undefined,
    pass: Pass | undefined,
    make: (slot: number, watch: TimeWatch | undefined) => Handle,
  ): Handle | undefined {
    const slot = this.#slots.allocate();
    if (slot === undefined) return undefined;
    const watch = door !== undefined && TimeWatch.isNeeded(door.words) ? new TimeWatch(door.words, Math.floor(this.now()) | 0) : undefined;
    const handle = make(slot, watch);
    handle.pass = pass;
    this.#slots.occupy(handle);
    if (watch !== undefined) this.timers.watchOver(slot, watch);
    return handle;
  }

  #at(slot: number): ReactorHandle {
    return this.#slots.at(slot)!;
  }

  #resumeLater(): void {
    this.#resumption ??= setImmediate(() => {
      this.#resumption = undefined;
      this.timers.begin();
      this.turn();
    });
  }

  /** @returns whether the handle's output is another now; what is no matter of output is put aside */
  #executeOutput(kind: CommandKind, handle: ReactorHandle | undefined, a: number, b: number): boolean {
    const { outputSlab, readSlab } = this.memory;
    const reference = kind === CommandKind.WriteReference ? this.#dereference(a) : undefined;
    if (handle === undefined) return false;
    switch (kind) {
      case CommandKind.Write:
        // A copy: what is not taken at once is kept, and the slab is about to be used again.
        handle.write(Buffer.from(outputSlab.subarray(a, a + b)), b);
        return true;
      case CommandKind.Forward: {
        const bytes = this.readSlab.subarray(a, a + b);
        handle.write(this.readSlab === readSlab ? Buffer.from(bytes) : bytes, b);
        return true;
      }
      case CommandKind.WriteReference:
        handle.write(reference!, b);
        return true;
      case CommandKind.Send: {
        const payload = a + addressBlockLength(outputSlab, a);
        handle.send(decodeAddress(outputSlab, a), Buffer.from(outputSlab.subarray(payload, payload + b)));
        return true;
      }
      case CommandKind.KillOutput:
        handle.killOutput();
        return true;
      default:
        // Output that was not sent before its connection is cut off goes with it, also what lies in the ring.
        if (kind === CommandKind.Close && a !== CloseMode.Linger) handle.killOutput();
        this.#postponed.push({ kind, handle, a, b });
        return false;
    }
  }

  #dereference(number: number): Uint8Array {
    const bytes = this.#references[number]!;
    this.#references[number] = undefined;
    this.#freeReferences.push(number);
    return bytes;
  }

  #control({ kind, handle, a, b }: Postponed): void {
    switch (kind) {
      case CommandKind.ShutWrite:
        handle.shutWrite();
        break;
      case CommandKind.Discard:
        handle.discard(a === 1);
        break;
      case CommandKind.Close:
        this.#vacate(handle);
        this.#leaving.push({ handle, mode: a, lingerMs: b });
        break;
      case CommandKind.Pause:
        handle.pause();
        break;
      case CommandKind.Resume:
        handle.resume();
        break;
      case CommandKind.Arm:
        this.timers.arm(handle.slot);
        break;
      case CommandKind.Start:
        handle.start();
        break;
    }
  }

  #vacate(handle: ReactorHandle): void {
    handle.closed = true;
    this.timers.remove(handle.slot);
    this.#slots.vacate(handle.slot);
  }
}
