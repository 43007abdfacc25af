import type { Socket } from 'node:net';
import type { UnixNames } from './node-address.js';
import { NodeAlarm } from './node-alarm.js';
import type { NodeTurn } from './node-handle.js';
import { MAX_HANDLES, TURN_BUDGET_MS } from './node-limits.js';
import { NodeStream } from './node-stream.js';
import type { ReactorHandle } from './reactor/handle.js';
import type { Accepted, ListenerHandle } from './reactor/listener.js';
import { Reactor } from './reactor/reactor.js';

/** The reactor whose turns are begun by an event of Node's, in place of a wake-up of a poller. */
export class NodeReactor extends Reactor implements NodeTurn {
  readonly #origin_ms = performance.now();
  readonly #alarm = new NodeAlarm(this.timers, this);

  constructor(maxHandles = MAX_HANDLES) {
    super(maxHandles);
  }

  now(): number {
    return performance.now() - this.#origin_ms;
  }

  offer(handle: ReactorHandle): void {
    if (handle.offered || handle.closed) return;
    handle.offered = true;
    this.waiting.push({ handle, kind: undefined, a: 0, b: 0 });
  }

  after(ms: number, call: () => void): () => void {
    const timeout = setTimeout(() => {
      call();
      this.turn();
    }, ms).unref();
    return () => clearTimeout(timeout);
  }

  admit(
    { connection, pass }: Accepted<Socket>,
    listener: ListenerHandle<Socket, NodeTurn>,
    names: UnixNames | undefined,
  ): number | undefined {
    const origin = { readSize: listener.readSize, names };
    const stream = this.installAccepted(listener.door, pass, (slot, watch) => new NodeStream(this, slot, origin, connection, watch));
    stream?.start();
    return stream?.slot;
  }

  override presentPoll(): number {
    return this.#alarm.presentPoll();
  }

  /** While the budget lasts. */
  protected deliverBatches(): boolean {
    const end = performance.now() + TURN_BUDGET_MS;
    let isLate = false;
    this.execute();
    while (this.deliverBatch()) {
      if (performance.now() <= end) continue;
      // Timers that came due while callbacks ran are not to wait behind input that arrived meanwhile.
      if (isLate || this.isWaiting || !this.timers.delivering) break;
      isLate = true;
    }
    return !this.isWaiting && !this.timers.delivering;
  }

  /** In the order in which it came. A batch holds one piece of input at most: each is a memory of its own, and may be the last. */
  protected fill(): void {
    const { waiting } = this;
    let taken = 0;
    let isFull = false;
    while (!isFull && taken < waiting.length && this.recordsLeft > 0) {
      const { handle, kind, a, b } = waiting[taken]!;
      taken += 1;
      if (kind !== undefined) {
        if (!handle.closed) this.record(kind, handle.slot, a, b);
        continue;
      }
      handle.offered = false;
      if (handle.closed) continue;
      isFull = !handle.read(this) || this.room < this.memory.readSlab.length;
      if (handle.readable) this.offer(handle);
    }
    waiting.splice(0, taken);
  }

  protected override rest(polled: boolean): void {
    this.#alarm.set(polled);
  }
}
