import { constants } from 'node:os';
import { addressBlockLength, decodeAddress, subjectOf } from '../engine/address.js';
import { CommandRing } from '../engine/command-ring.js';
import {
  type Address,
  CloseMode,
  CommandKind,
  Control,
  Counter,
  DEFAULT_READ_SIZE,
  type Engine,
  type Opened,
  RECORD_CAPACITY,
  REFUSALS,
  type RecordKind,
  type SharedMemory,
  type SocketOptions,
  WORDS,
} from '../engine/engine.js';
import type { Pass } from '../engine/node-admission.js';
import { SlotTable } from '../engine/node-slots.js';
import { TimeWatch } from '../engine/node-time-watch.js';
import { NodeTimers } from '../engine/node-timers.js';
import { NetmuxError, systemError } from '../errors.js';
import { allocateSharedMemory } from '../native/shared-memory.js';
import type { AddressBook } from './address-book.js';
import { MemoryClock } from './memory-clock.js';
import { MemoryDatagram } from './memory-datagram.js';
import type { Batch, MemoryHandle } from './memory-handle.js';
import { type Admitting, MemoryListener } from './memory-listener.js';
import { type Joined, MemoryStream } from './memory-stream.js';

/** A server and a peer that answer each other for ever would never let a test go on: so many batches are no conversation. */
const MAX_BATCHES = 100_000;

interface Waiting {
  readonly handle: MemoryHandle;
  readonly kind: RecordKind;
  readonly a: number;
  readonly b: number;
}

/** A command of the ring that waits for the end of the batch. */
interface Postponed {
  readonly kind: CommandKind;
  readonly handle: MemoryHandle;
  readonly a: number;
  readonly b: number;
}

/**
 * An engine without sockets and without a clock of its own: connections are memory, time passes when it is told to. One turn is that
 * of the native core (`docs/architecture.md`, "One turn"), but it goes on until nothing is left to be done, and happens inside the
 * call that gave rise to it.
 */
export class MemoryEngine implements Engine, Admitting, Batch {
  readonly name = 'memory';
  readonly memory: SharedMemory;
  readonly ring: CommandRing;
  readonly readSlab: Buffer;
  lingering = 0;
  readonly #book: AddressBook;
  readonly #slots: SlotTable<MemoryHandle>;
  readonly #clock = new MemoryClock();
  readonly #timers: NodeTimers;
  #dispatch: (count: number) => void = () => {};
  /** What became of commands. */
  #results: Waiting[] = [];
  /** Who has something to read, in the order in which it came. */
  #ready = new Set<MemoryHandle>();
  /** Who may have room for output. */
  #roomy = new Set<MemoryHandle>();
  /** Listeners that found the table full. */
  #starving: MemoryListener[] = [];
  #postponed: Postponed[] = [];
  /** What gives up the descriptors of closed handles, when the turn is through. */
  #leaving: (() => void)[] = [];
  readonly #references = new Map<number, Uint8Array>();
  #nextReference = 0;
  #isRunning = false;
  #resumption: NodeJS.Immediate | undefined;
  /** Of the batch that is being filled. */
  #records = 0;
  #placed = 0;

  constructor(book: AddressBook, maxHandles: number) {
    this.#book = book;
    this.memory = allocateSharedMemory(maxHandles);
    this.readSlab = this.memory.readSlab;
    this.ring = new CommandRing(this.memory, this);
    this.#slots = new SlotTable(this.memory);
    this.#timers = new NodeTimers(this.memory, {
      now: () => this.now(),
      turn: () => this.run(),
      isPaused: (slot) => this.#slots.at(slot)?.paused ?? false,
    });
  }

  attach(dispatch: (count: number) => void): void {
    this.#dispatch = dispatch;
  }

  async listen(address: Address, options: SocketOptions): Promise<number> {
    const listener = this.#install(
      'listen',
      (slot) => new MemoryListener(this, slot, options.readSize ?? DEFAULT_READ_SIZE, options.limits),
    );
    return this.#opened(listener, () => listener.open(this.#book.listen(address, listener, options.ipv6Only)));
  }

  async bind(address: Address, options: SocketOptions): Promise<number> {
    const datagram = this.#install('bind', (slot) => new MemoryDatagram(this, slot, this.#book));
    return this.#opened(datagram, () => datagram.open(this.#book.bind(address, datagram, options.ipv6Only)));
  }

  connect(address: Address, options: SocketOptions): number {
    const dial = () => this.#book.dial(address);
    return this.#install('connect', (slot) => new MemoryStream(this, slot, options.readSize ?? DEFAULT_READ_SIZE, dial), address).slot;
  }

  adopt(): Opened {
    throw new NetmuxError('NETMUX_NOT_ON_THIS_ENGINE', 'in memory there are no descriptors to be taken over');
  }

  adoptListener(): Opened {
    return this.adopt();
  }

  release(slot: number): number {
    const handle = this.#slots.at(slot)!;
    this.#vacate(handle);
    this.#free(handle);
    return -1;
  }

  admit(joined: Joined, listener: MemoryListener, pass: Pass | undefined): MemoryStream | undefined {
    const slot = this.#slots.allocate();
    if (slot === undefined) {
      this.#starving.push(listener);
      return undefined;
    }
    const words = listener.door?.words;
    const watch = words !== undefined && TimeWatch.isNeeded(words) ? new TimeWatch(words, Math.floor(this.now()) | 0) : undefined;
    const stream = new MemoryStream(this, slot, listener.readSize, joined, watch);
    stream.pass = pass;
    this.#slots.occupy(stream);
    if (watch !== undefined) this.#timers.watchOver(slot, watch);
    return stream;
  }

  refused(slot: number): Float64Array {
    const listener = this.#slots.at(slot);
    return (listener instanceof MemoryListener && listener.door?.refused) || new Float64Array(REFUSALS);
  }

  address(slot: number, side: 'local' | 'remote'): Address | undefined {
    return this.#slots.at(slot)!.address(side);
  }

  descriptor(): number {
    return -1;
  }

  outbox(slot: number): Buffer {
    return this.#slots.at(slot)!.outbox();
  }

  reference(buffer: Uint8Array): number {
    this.#references.set(this.#nextReference, buffer);
    this.#nextReference += 1;
    return this.#nextReference - 1;
  }

  referenced(reference: number): Uint8Array {
    return this.#references.get(reference) ?? new Uint8Array();
  }

  now(): number {
    return this.#clock.now_ms;
  }

  /** A test that waits for something that will never come is to end, not to hang. */
  setReferenced(): void {}

  drain(): void {
    this.#executeRing();
  }

  flush(): void {
    if (this.#isRunning) return;
    this.#execute();
    this.#dismiss();
    if (this.#isWaiting) this.#resumption ??= setImmediate(() => this.run());
  }

  // What handles ask for (MemoryTurn).

  report(kind: RecordKind, handle: MemoryHandle, a = 0, b = 0): void {
    if (!handle.closed) this.#results.push({ kind, handle, a, b });
  }

  offer(handle: MemoryHandle): void {
    this.#ready.add(handle);
  }

  offerRoom(handle: MemoryHandle): void {
    this.#roomy.add(handle);
  }

  after(ms: number, call: () => void): () => void {
    return this.#clock.after(ms, call);
  }

  // The batch (Batch).

  get recordsLeft(): number {
    return RECORD_CAPACITY - this.#records;
  }

  get room(): number {
    return this.readSlab.length - this.#placed;
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
    this.readSlab.set(bytes, offset);
    this.#placed = (offset + bytes.length + 3) & ~3; // an address block begins at a multiple of four
    return offset;
  }

  /**
   * One turn: executes what is in the ring and delivers what waits, until there is nothing left; timers that are due come last, once.
   * Inside a turn nothing happens: the turn under way does it.
   */
  run(): void {
    if (this.#isRunning) return;
    clearImmediate(this.#resumption);
    this.#resumption = undefined;
    const { control, clock, counters } = this.memory;
    this.#isRunning = true;
    counters[Counter.Turns]! += 1;
    control[Control.InTurn] = 1;
    this.#timers.begin();
    let batches = 0;
    try {
      do {
        this.#execute();
        for (let count = this.#fill(); count > 0; count = this.#fill()) {
          batches += 1;
          if (batches > MAX_BATCHES) throw new Error(`the network does not come to rest: ${MAX_BATCHES} batches within one turn`);
          counters[Counter.Batches]! += 1;
          counters[Counter.Records]! += count;
          clock[0] = this.now();
          this.#dispatch(count);
          this.#execute();
        }
        this.#dismiss(); // which may tell the other end something
      } while (this.#isWaiting);
    } finally {
      control[Control.InTurn] = 0;
      this.#isRunning = false;
    }
  }

  /** Lets time pass, from one timer to the next. */
  advance(ms: number): void {
    this.run();
    for (const end = this.now() + ms; this.#clock.goTo(end, this.#timers.earliest); ) this.run();
  }

  get #isWaiting(): boolean {
    return this.#results.length > 0 || this.#roomy.size > 0 || [...this.#ready].some((handle) => handle.isReadable && !handle.closed);
  }

  /** Writes the next batch: results of commands, else what was received, else timers. */
  #fill(): number {
    this.#records = 0;
    this.#placed = 0;
    for (const { handle, kind, a, b } of this.#results.splice(0, RECORD_CAPACITY)) {
      if (!handle.closed) this.record(kind, handle.slot, a, b);
    }
    if (this.#records === 0) this.#read();
    return this.#records > 0 ? this.#records : this.#timers.fill(this.memory.records);
  }

  /** One read for each who has something: who has more comes again in a later batch, behind the others. */
  #read(): void {
    const ready = this.#ready;
    this.#ready = new Set();
    let isFull = false;
    for (const handle of ready) {
      if (handle.closed) continue;
      if (!isFull) isFull = !handle.read(this);
      if (handle.isReadable) this.#ready.add(handle);
    }
  }

  #execute(): void {
    this.#executeRing();
    const commands = this.#postponed;
    this.#postponed = [];
    for (const command of commands) if (!command.handle.closed) this.#control(command);
    const roomy = this.#roomy;
    this.#roomy = new Set();
    for (const handle of roomy) if (!handle.closed) handle.flushOutput();
  }

  /** Executes the writes of the ring; other commands are put aside for the end of the batch. */
  #executeRing(): void {
    const { commands, control } = this.memory;
    const count = control[Control.CommandCount]!;
    const touched = new Set<MemoryHandle>();
    for (let at = 0; at < count * WORDS; at += WORDS) {
      const head = commands[at]!;
      const a = commands[at + 2]!;
      const handle = this.#slots.find(head >>> 8, commands[at + 1]!);
      if (this.#write(head & 0xff, handle, a, commands[at + 3]!) && handle !== undefined) touched.add(handle);
    }
    control[Control.CommandCount] = 0;
    control[Control.OutputUsed] = 0;
    for (const handle of touched) handle.flushOutput();
  }

  /** @returns whether the handle's output is another now */
  #write(kind: CommandKind, handle: MemoryHandle | undefined, a: number, b: number): boolean {
    const { outputSlab } = this.memory;
    switch (kind) {
      case CommandKind.Write:
        handle?.write(Buffer.from(outputSlab.subarray(a, a + b)), b);
        return true;
      case CommandKind.Forward:
        handle?.write(Buffer.from(this.readSlab.subarray(a, a + b)), b);
        return true;
      case CommandKind.WriteReference:
        handle?.write(this.referenced(a), b);
        this.#references.delete(a);
        return true;
      case CommandKind.Send: {
        const payload = a + addressBlockLength(outputSlab, a);
        handle?.send(decodeAddress(outputSlab, a), Buffer.from(outputSlab.subarray(payload, payload + b)));
        return true;
      }
      case CommandKind.KillOutput:
        handle?.killOutput();
        return true;
      default:
        if (handle === undefined) return false;
        // Output that was not sent before its connection is cut off goes with it, also what lies in the ring.
        if (kind === CommandKind.Close && a !== CloseMode.Linger) handle.killOutput();
        this.#postponed.push({ kind, handle, a, b });
        return false;
    }
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
        this.#leaving.push(() => this.#end(handle, a, b));
        break;
      case CommandKind.Pause:
        handle.pause();
        break;
      case CommandKind.Resume:
        handle.resume();
        break;
      case CommandKind.Arm:
        this.#timers.arm(handle.slot);
        break;
      case CommandKind.Start:
        handle.start();
        break;
    }
  }

  #install<Handle extends MemoryHandle>(syscall: string, make: (slot: number) => Handle, address?: Address): Handle {
    const slot = this.#slots.allocate();
    if (slot === undefined) throw systemError(constants.errno.EMFILE, syscall, address && subjectOf(address));
    const handle = make(slot);
    this.#slots.occupy(handle);
    return handle;
  }

  #opened({ slot }: MemoryHandle, open: () => void): number {
    try {
      open();
      return slot;
    } catch (error) {
      this.release(slot);
      throw error;
    }
  }

  #vacate(handle: MemoryHandle): void {
    handle.closed = true;
    this.#timers.remove(handle.slot);
    this.#slots.vacate(handle.slot);
  }

  #end(handle: MemoryHandle, mode: CloseMode, lingerMs: number): void {
    this.lingering += 1;
    const freed = () => {
      this.lingering -= 1;
      this.#free(handle);
    };
    handle.end(mode, freed, lingerMs);
  }

  #free(handle: MemoryHandle): void {
    this.#slots.free(handle.slot);
    handle.pass?.leave();
    for (const listener of this.#starving.splice(0)) listener.retry();
  }

  /** Gives up the descriptors of closed handles, and their slots: not before the last batch that could name them. */
  #dismiss(): void {
    for (const leave of this.#leaving.splice(0)) leave();
  }
}
