import type { Socket } from 'node:net';
import { CloseMode, CommandKind, Control, Counter, RECORD_CAPACITY, RecordKind, WORDS } from '../native/contract.js';
import { allocateSharedMemory, type SharedMemory } from '../native/shared-memory.js';
import { addressBlockLength, decodeAddress } from './address.js';
import { CommandRing } from './command-ring.js';
import type { Pass } from './node-admission.js';
import type { NodeHandle, NodeTurn } from './node-handle.js';
import { MAX_HANDLES, TURN_BUDGET_MS } from './node-limits.js';
import type { NodeListener } from './node-listener.js';
import { SlotTable } from './node-slots.js';
import { NodeStream } from './node-stream.js';
import { TimeWatch } from './node-time-watch.js';
import { NodeTimers } from './node-timers.js';

/** What waits to become a record. */
interface Waiting {
  readonly handle: NodeHandle;
  /** undefined: the handle has input to read. */
  readonly kind: RecordKind | undefined;
  readonly a: number;
  readonly b: number;
}

/** A command of the ring that waits for the end of the batch. */
interface Postponed {
  readonly kind: CommandKind;
  readonly handle: NodeHandle;
  readonly a: number;
  readonly b: number;
}

/** A handle whose `Close` was executed. */
interface Leaving {
  readonly handle: NodeHandle;
  readonly mode: CloseMode;
  readonly lingerMs: number;
}

/**
 * One turn of the pure-Node engine: what Node's sockets told becomes batches of records, what the dispatcher answered
 * is executed. The steps are those of the native core (`docs/architecture.md`, "One turn"), begun by an event of Node's
 * in place of a wake-up of the poller.
 */
export class NodeReactor implements NodeTurn {
  readonly memory: SharedMemory;
  readonly ring: CommandRing;
  readonly slots: SlotTable<NodeHandle>;
  readSlab: Buffer;
  lingering = 0;

  readonly #origin_ms = performance.now();
  readonly #timers: NodeTimers;
  #dispatch: (count: number) => void = () => {};
  #waiting: Waiting[] = [];
  #postponed: Postponed[] = [];
  #leaving: Leaving[] = [];
  #references: (Uint8Array | undefined)[] = [];
  #freeReferences: number[] = [];
  #running = false;
  #resumption: NodeJS.Immediate | undefined;

  constructor(maxHandles = MAX_HANDLES) {
    this.memory = allocateSharedMemory(maxHandles);
    this.ring = new CommandRing(this.memory, this);
    this.slots = new SlotTable(this.memory);
    this.readSlab = this.memory.readSlab;
    this.#timers = new NodeTimers(this.memory, this);
  }

  attach(dispatch: (count: number) => void): void {
    this.#dispatch = dispatch;
  }

  now(): number {
    return performance.now() - this.#origin_ms;
  }

  report(kind: RecordKind, handle: NodeHandle, a = 0, b = 0): void {
    if (!handle.closed) this.#waiting.push({ handle, kind, a, b });
  }

  offer(handle: NodeHandle): void {
    if (handle.offered || handle.closed) return;
    handle.offered = true;
    this.#waiting.push({ handle, kind: undefined, a: 0, b: 0 });
  }

  admit(socket: Socket, listener: NodeListener, pass: Pass | undefined): NodeHandle | undefined {
    const slot = this.slots.allocate();
    if (slot === undefined) return undefined;
    const words = listener.door?.words;
    const watch = words !== undefined && TimeWatch.isNeeded(words) ? new TimeWatch(words, Math.floor(this.now()) | 0) : undefined;
    const names = listener.path === undefined ? {} : { names: { local: listener.path } };
    const stream = new NodeStream(this, slot, { readSize: listener.readSize, watch, ...names }, socket);
    stream.pass = pass;
    this.slots.occupy(stream);
    if (watch !== undefined) this.#timers.watchOver(slot, watch);
    stream.start();
    return stream;
  }

  isPaused(slot: number): boolean {
    return this.slots.at(slot)?.paused ?? false;
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
    this.#executeRing();
  }

  /**
   * Executes what is in the ring and delivers what waits, batch by batch, while the budget lasts. Inside a turn nothing
   * happens: the turn under way does it.
   */
  turn(): void {
    if (this.#running) return;
    const { control, counters } = this.memory;
    this.#running = true;
    counters[Counter.Turns]! += 1;
    control[Control.InTurn] = 1;
    const end = performance.now() + TURN_BUDGET_MS;
    let isLate = false;
    let through = false;
    try {
      this.#execute();
      for (let count = this.#fill(); count > 0; count = this.#fill()) {
        this.memory.clock[0] = this.now();
        counters[Counter.Batches]! += 1;
        counters[Counter.Records]! += count;
        this.#dispatch(count);
        this.#execute();
        if (performance.now() <= end) continue;
        // Timers that came due while callbacks ran are not to wait behind input that arrived meanwhile.
        if (isLate || this.#waiting.length > 0 || !this.#timers.delivering) break;
        isLate = true;
      }
      through = this.#waiting.length === 0 && !this.#timers.delivering;
    } finally {
      control[Control.InTurn] = 0;
      this.#running = false;
      this.#dismiss();
      if (!through) this.#resumption ??= setImmediate(() => this.#resume());
    }
    this.#timers.watch(true);
  }

  /**
   * Executes the ring, for what is ordered outside of a turn. Nobody is called: what comes of it is delivered in a turn
   * of its own, since whoever ordered is still under way.
   */
  flush(): void {
    if (this.#running) return;
    this.#execute();
    this.#dismiss();
    if (this.#waiting.length > 0) this.#resumption ??= setImmediate(() => this.#resume());
    this.#timers.watch(false);
  }

  /** Forgets a handle's slot, number included, without closing its descriptor. */
  forget(handle: NodeHandle): number {
    const descriptor = handle.release();
    this.#vacate(handle);
    this.#free(handle);
    return descriptor;
  }

  #resume(): void {
    this.#resumption = undefined;
    this.#timers.begin();
    this.turn();
  }

  /** Writes the next batch. It holds one piece of input at most: each is a memory of its own, and may be the last. */
  #fill(): number {
    const { records, generation } = this.memory;
    let count = 0;
    let taken = 0;
    while (taken < this.#waiting.length && count < RECORD_CAPACITY) {
      const { handle, kind, a, b } = this.#waiting[taken]!;
      taken += 1;
      const at = count * WORDS;
      if (kind === undefined) handle.offered = false;
      if (handle.closed) continue;
      records[at] = handle.slot << 8;
      records[at + 1] = generation[handle.slot]!;
      records[at + 2] = a;
      records[at + 3] = b;
      const read = kind ?? handle.read(records, at);
      if (kind === undefined && handle.readable) this.offer(handle);
      if (read === undefined) continue;
      records[at]! |= read;
      count += 1;
      if (kind === undefined && read !== RecordKind.Accept) break;
    }
    this.#waiting.splice(0, taken);
    return count > 0 ? count : this.#timers.fill(records);
  }

  #execute(): void {
    this.#executeRing();
    const commands = this.#postponed;
    if (commands.length === 0) return;
    this.#postponed = [];
    for (const command of commands) {
      if (!command.handle.closed) this.#control(command);
    }
  }

  #executeRing(): void {
    const { commands, control, outputSlab } = this.memory;
    const count = control[Control.CommandCount]!;
    if (count === 0) return;
    const touched: NodeHandle[] = [];
    for (let at = 0; at < count * WORDS; at += WORDS) {
      const head = commands[at]!;
      const kind: CommandKind = head & 0xff;
      const a = commands[at + 2]!;
      const b = commands[at + 3]!;
      const handle = this.slots.find(head >>> 8, commands[at + 1]!);
      if (kind === CommandKind.WriteReference) {
        const bytes = this.#dereference(a);
        handle?.write(bytes, b);
      }
      if (handle === undefined) continue;
      switch (kind) {
        case CommandKind.Write:
          // A copy: libuv keeps what the kernel does not take, and the slab is about to be used again.
          handle.write(Buffer.from(outputSlab.subarray(a, a + b)), b);
          break;
        case CommandKind.Forward:
          handle.write(this.readSlab.subarray(a, a + b), b);
          break;
        case CommandKind.WriteReference:
          break;
        case CommandKind.Send: {
          const payload = a + addressBlockLength(outputSlab, a);
          handle.send(decodeAddress(outputSlab, a), Buffer.from(outputSlab.subarray(payload, payload + b)));
          break;
        }
        case CommandKind.KillOutput:
          handle.killOutput();
          break;
        default:
          // Output that was not sent before its connection is cut off goes with it, also what lies in the ring.
          if (kind === CommandKind.Close && a !== CloseMode.Linger) handle.killOutput();
          this.#postponed.push({ kind, handle, a, b });
          continue;
      }
      if (!handle.touched) {
        handle.touched = true;
        touched.push(handle);
      }
    }
    control[Control.CommandCount] = 0;
    control[Control.OutputUsed] = 0;
    for (const handle of touched) {
      handle.touched = false;
      handle.flushOutput();
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
        this.#timers.arm(handle.slot);
        break;
      case CommandKind.Start:
        handle.start();
        break;
    }
  }

  #vacate(handle: NodeHandle): void {
    handle.closed = true;
    this.#timers.remove(handle.slot);
    this.slots.vacate(handle.slot);
  }

  /** Gives up the descriptors of closed handles, and their slots: not before the last batch that could name them. */
  #dismiss(): void {
    const leaving = this.#leaving;
    if (leaving.length === 0) return;
    this.#leaving = [];
    for (const { handle, mode, lingerMs } of leaving) {
      this.lingering += 1;
      const freed = () => {
        this.lingering -= 1;
        this.#free(handle);
      };
      handle.end(mode, freed, lingerMs);
    }
  }

  /** The descriptor is closed: its number and its place among those that are limited are free. */
  #free(handle: NodeHandle): void {
    this.slots.free(handle.slot);
    handle.pass?.leave();
  }
}
