import { type Address, DEFAULT_READ_SIZE, type Engine, type Opened, RECORD_CAPACITY, type SocketOptions } from '../engine/engine.js';
import type { ReactorHandle } from '../engine/reactor/handle.js';
import type { Accepted, ListenerHandle } from '../engine/reactor/listener.js';
import { Reactor } from '../engine/reactor/reactor.js';
import { NetmuxError } from '../errors.js';
import type { AddressBook } from './address-book.js';
import type { Joined } from './end.js';
import { MemoryClock } from './memory-clock.js';
import { MemoryDatagram } from './memory-datagram.js';
import { MemoryListener } from './memory-listener.js';
import { MemoryStream } from './memory-stream.js';
import type { MemoryTurn } from './memory-turn.js';

/** A server and a peer that answer each other for ever would never let a test go on: so many batches are no conversation. */
const MAX_BATCHES = 100_000;

/**
 * An engine without sockets and without a clock of its own: connections are memory, time passes when it is told to. One turn is that
 * of the native core, but it goes on until nothing is left to be done, and happens inside the call that gave rise to it.
 */
export class MemoryEngine extends Reactor implements Engine, MemoryTurn {
  readonly name = 'memory';
  readonly #book: AddressBook;
  readonly #clock = new MemoryClock();
  /** Who has something to read, in the order in which it came. */
  #ready: ReactorHandle[] = [];
  /** Who may have room for output. */
  #roomy = new Set<ReactorHandle>();
  /** Listeners that found the table full. */
  #starving: (() => void)[] = [];
  /** Of the present turn. */
  #batches = 0;

  constructor(book: AddressBook, maxHandles: number) {
    super(maxHandles);
    this.#book = book;
  }

  async listen(address: Address, options: SocketOptions): Promise<number> {
    const listener = this.install(
      'listen',
      (slot) => new MemoryListener(this, slot, options.readSize ?? DEFAULT_READ_SIZE, options.limits),
    );
    return this.#opened(listener, () => listener.open(this.#book.listen(address, listener, options.ipv6Only)));
  }

  async bind(address: Address, options: SocketOptions): Promise<number> {
    const datagram = this.install('bind', (slot) => new MemoryDatagram(this, slot, this.#book));
    return this.#opened(datagram, () => datagram.open(this.#book.bind(address, datagram, options.ipv6Only)));
  }

  connect(address: Address, options: SocketOptions): number {
    const dial = () => this.#book.dial(address);
    return this.install('connect', (slot) => new MemoryStream(this, slot, options.readSize ?? DEFAULT_READ_SIZE, dial), address).slot;
  }

  adopt(): Opened {
    throw new NetmuxError('NETMUX_NOT_ON_THIS_ENGINE', 'in memory there are no descriptors to be taken over');
  }

  adoptListener(): Opened {
    return this.adopt();
  }

  now(): number {
    return this.#clock.now_ms;
  }

  /** A test that waits for something that will never come is to end, not to hang. */
  setReferenced(): void {}

  /** Lets time pass, from one timer to the next. */
  advance(ms: number): void {
    this.turn();
    for (const end = this.now() + ms; this.#clock.goTo(end, this.timers.earliest); ) this.turn();
  }

  /** Until there is nothing left; timers that are due come last, once. */
  override turn(): void {
    super.turn();
    if (this.#batches > MAX_BATCHES) throw new Error(`the network does not come to rest: ${MAX_BATCHES} batches within one turn`);
  }

  // What handles ask for (MemoryTurn).

  offer(handle: ReactorHandle): void {
    if (handle.offered) return;
    handle.offered = true;
    this.#ready.push(handle);
  }

  offerRoom(handle: ReactorHandle): void {
    this.#roomy.add(handle);
  }

  after(ms: number, call: () => void): () => void {
    return this.#clock.after(ms, call);
  }

  admit({ connection, pass }: Accepted<Joined>, { door, readSize }: ListenerHandle<Joined, MemoryTurn>): number | undefined {
    return this.installAccepted(door, pass, (slot, watch) => new MemoryStream(this, slot, readSize, connection, watch))?.slot;
  }

  whenSlotIsFree(call: () => void): void {
    this.#starving.push(call);
  }

  protected override deliverBatches(): boolean {
    this.#batches = 0;
    this.timers.begin();
    do {
      this.execute();
      while (this.deliverBatch()) {
        this.#batches += 1;
        if (this.#batches > MAX_BATCHES) return true;
      }
      this.dismiss(); // which may tell the other end something
    } while (this.isWaiting);
    return true;
  }

  /** Results of commands, else one read for each who has something: who has more comes again in a later batch, behind the others. */
  protected override fill(): void {
    for (const { handle, kind, a, b } of this.waiting.splice(0, RECORD_CAPACITY)) {
      if (!handle.closed) this.record(kind!, handle.slot, a, b);
    }
    if (this.recordsLeft < RECORD_CAPACITY) return;
    const ready = this.#ready;
    this.#ready = [];
    let isFull = false;
    for (const handle of ready) {
      handle.offered = false;
      if (handle.closed) continue;
      if (!isFull) isFull = !handle.read(this);
      if (handle.readable) this.offer(handle);
    }
  }

  protected override execute(): void {
    super.execute();
    const roomy = this.#roomy;
    this.#roomy = new Set();
    for (const handle of roomy) if (!handle.closed) handle.flushOutput();
  }

  protected override get isWaiting(): boolean {
    return super.isWaiting || this.#roomy.size > 0 || this.#ready.some((handle) => handle.readable && !handle.closed);
  }

  protected override free(handle: ReactorHandle): void {
    super.free(handle);
    for (const call of this.#starving.splice(0)) call();
  }

  #opened({ slot }: ReactorHandle, open: () => void): number {
    try {
      open();
      return slot;
    } catch (error) {
      this.release(slot);
      throw error;
    }
  }
}
