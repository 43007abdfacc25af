/** A server under a script: on the engine in memory or on sockets, it does what the steps say and writes down what it hears. */
import { type Handle, Mux, type MuxCallbacks, type MuxStats } from '../../src/index.js';
import { TestNetwork } from '../../src/testing/index.js';
import type { SocketEngine } from '../engines.js';
import { Peer } from '../mux/peer.js';
import { fence } from '../mux/scene.js';
import { type Plan, Plans, Trace } from './reference.js';
import { type Action, byteAt, bytesFrom, type Callback, CLIENTS, type Step, WRITTEN_BYTES } from './script.js';

/** A client of the script. */
interface Client {
  send(bytes: Buffer): unknown;
  finish(): unknown;
  reset(): unknown;
  /** All that it has got. */
  received(): Buffer;
  /** Whether the server has ended, in whatever way. */
  isOver(): boolean;
}

/** The server's side is numbered behind the clients'. */
const sideOf = (connection: number) => CLIENTS + connection;

export abstract class System {
  readonly traces = Array.from({ length: CLIENTS }, () => new Trace());
  /** What must not happen whatever the script. */
  readonly offences: string[] = [];
  protected abstract readonly mux: Mux;
  readonly #handles: (Handle | undefined)[] = [];
  readonly #clients: (Client | undefined)[] = [];
  readonly #plans = new Plans();
  /** Bytes of each connection that were consumed, and that were written. */
  readonly #consumed = new Array<number>(CLIENTS).fill(0);
  readonly #written = new Array<number>(CLIENTS).fill(0);
  readonly #sent = new Array<number>(CLIENTS).fill(0);
  #connecting = 0;

  protected abstract connect(): Promise<Client>;

  /** Waits until the condition holds and nothing else is under way, or for as long as that may take. */
  abstract settle(isThrough: () => boolean): Promise<void>;

  abstract end(): Promise<void>;

  async take(step: Step): Promise<void> {
    if ('when' in step) {
      this.#plans.add(step.when, step.of, step);
    } else if ('server' in step) {
      for (const action of step.server) this.#act(step.to, action);
    } else if (step.does === 'connect') {
      this.#connecting = step.client;
      this.#clients[step.client] = await this.connect();
    } else {
      const client = this.#clients[step.client]!;
      if (step.does === 'send') {
        await client.send(bytesFrom(step.client, this.#sent[step.client]!, step.bytes));
        this.#sent[step.client]! += step.bytes;
      } else {
        await client[step.does]();
      }
    }
  }

  /** Bytes that a client has got, which must be those that were written, in their order. */
  received(connection: number): number {
    const bytes = this.#clients[connection]?.received() ?? Buffer.alloc(0);
    if (!bytes.equals(bytesFrom(sideOf(connection), 0, bytes.length))) this.offences.push(`client ${connection} got wrong bytes`);
    return bytes.length;
  }

  isOver(connection: number): boolean {
    return this.#clients[connection]?.isOver() ?? false;
  }

  get stats(): MuxStats {
    return this.mux.stats();
  }

  /** Nothing that is asked of a handle that is gone does anything, or throws. */
  askTheDead(): void {
    for (const fh of this.#handles) {
      if (!fh?.closed) continue;
      if (fh.write('x') || this.mux.write(fh, 'x') !== undefined || fh.writable || fh.bufferedAmount > 0)
        this.offences.push('the dead write');
      for (const how of [0, 1, 2] as const) fh.shutdown(how);
      for (const method of ['pause', 'resume', 'close', 'reset', 'ref', 'unref'] as const) fh[method]();
      fh.setTimeout(0);
      this.mux.close(fh);
      this.mux.killOutput(fh);
      if (this.mux.inbuffer(fh) !== undefined || this.mux.remove(fh) !== -1 || fh.fd !== -1) this.offences.push('the dead answer');
    }
  }

  protected callbacks(): MuxCallbacks {
    return {
      mux_connection: (_, fh) => {
        this.#handles[this.#connecting] = fh;
        this.#hear('mux_connection', fh);
      },
      mux_input: (_, fh, data) => {
        const connection = this.#handles.indexOf(fh);
        const plan = this.#plans.take('mux_input', connection);
        const bytes = plan?.orders.includes('leave') ? data.peek() : data.take();
        const from = this.#consumed[connection]!;
        if (bytes.some((byte, index) => byte !== byteAt(connection, from + index)))
          this.offences.push(`${connection} was shown wrong bytes`);
        if (fh.bytesRead < from + bytes.length) this.offences.push(`bytesRead of ${connection} is too small`);
        const consumed = plan?.orders.includes('leave') ? 0 : bytes.length;
        this.#consumed[connection]! += consumed;
        this.traces[connection]!.add('mux_input', consumed);
        this.#follow(plan);
      },
      mux_eof: (_, fh, data) => {
        const connection = this.#handles.indexOf(fh);
        const bytes = data.peek();
        if (!bytes.equals(bytesFrom(connection, this.#consumed[connection]!, bytes.length))) this.offences.push('the rest is another');
        this.#hear('mux_eof', fh, bytes.length);
      },
      mux_close: (mux, fh) => {
        if (!fh.closed || mux.handles().includes(fh)) this.offences.push('open in its mux_close');
        this.#hear('mux_close', fh);
      },
      mux_timeout: (_, fh) => this.#hear('mux_timeout', fh),
      mux_outbuffer_empty: (_, fh) => this.#hear('mux_outbuffer_empty', fh),
      mux_epipe: (_, fh) => this.#hear('mux_epipe', fh),
      mux_error: (_, fh) => this.#hear('mux_error', fh),
    };
  }

  #hear(callback: Callback, fh: Handle, bytes = 0): void {
    const connection = this.#handles.indexOf(fh);
    this.traces[connection]!.add(callback, bytes);
    this.#follow(this.#plans.take(callback, connection));
  }

  #follow(plan: Plan | undefined): void {
    for (const action of plan?.orders ?? []) {
      if (action === 'throw') throw new Error('as planned');
      this.#act(plan!.to, action);
    }
  }

  #act(connection: number, action: Action): void {
    const fh = this.#handles[connection];
    if (fh === undefined) return;
    switch (action) {
      case 'write':
        this.#written[connection]! += this.mux.write(fh, bytesFrom(sideOf(connection), this.#written[connection]!, WRITTEN_BYTES)) ?? 0;
        break;
      case 'kill output':
        this.#written[connection]! -= fh.bufferedAmount;
        this.mux.killOutput(fh);
        break;
      case 'shutdown 0':
        fh.shutdown(0);
        break;
      case 'shutdown 1':
        fh.shutdown(1);
        break;
      case 'abort':
        this.mux.close(fh);
        break;
      case 'timer':
        fh.setTimeout(0);
        break;
      case 'no timer':
        fh.setTimeout(null);
        break;
      case 'throw':
      case 'leave':
        break;
      default:
        fh[action]();
    }
  }
}

const PORT = 7000;

/** Complaints are no part of the trace. */
const QUIET = { warn: () => {} };

/** In memory everything has happened when a call returns. */
export class MemorySystem extends System {
  readonly #network = new TestNetwork();
  protected readonly mux: Mux;

  private constructor(allowHalfOpen: boolean) {
    super();
    this.mux = new Mux({ engine: this.#network.engine, allowHalfOpen, ...QUIET });
    this.mux.setCallbackObject(this.callbacks());
  }

  static async open(allowHalfOpen: boolean): Promise<MemorySystem> {
    const system = new MemorySystem(allowHalfOpen);
    await system.mux.listen({ port: PORT }).ready;
    void system.mux.loop();
    return system;
  }

  protected async connect(): Promise<Client> {
    const peer = this.#network.connect({ port: PORT });
    let all = Buffer.alloc(0);
    return {
      send: (bytes) => peer.write(bytes),
      finish: () => peer.end(),
      reset: () => peer.reset(),
      received: () => {
        all = Buffer.concat([all, peer.received()]);
        return all;
      },
      isOver: () => peer.ended !== undefined,
    };
  }

  async settle(): Promise<void> {
    this.#network.advance(0.01);
  }

  async end(): Promise<void> {
    await this.mux[Symbol.asyncDispose]();
  }
}

/** Longer than any turn takes, on any machine: only who fails waits so long. */
const PATIENCE_MS = 5_000;

const TURNED_AWAY: Client = { send: () => {}, finish: () => {}, reset: () => {}, received: () => Buffer.alloc(0), isOver: () => true };

export class SocketSystem extends System {
  protected readonly mux: Mux;
  #port = 0;
  readonly #peers: Peer[] = [];

  private constructor(engine: SocketEngine, allowHalfOpen: boolean) {
    super();
    this.mux = new Mux({ engine, allowHalfOpen, ...QUIET });
  }

  static async open(engine: SocketEngine, allowHalfOpen: boolean): Promise<SocketSystem> {
    const system = new SocketSystem(engine, allowHalfOpen);
    system.mux.setCallbackObject(system.callbacks());
    const listener = await system.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    system.#port = listener.localPort as number;
    system.mux.loop().catch(() => {});
    return system;
  }

  protected async connect(): Promise<Client> {
    const peer = await Peer.connect(this.#port).catch(() => undefined);
    if (peer === undefined) return TURNED_AWAY; // the server has reset it before it knew that it was connected
    this.#peers.push(peer);
    return {
      send: (bytes) => peer.send(bytes).catch(() => {}), // the server may have gone meanwhile
      finish: () => peer.finish(),
      reset: () => peer.reset(),
      received: () => peer.bytes,
      isOver: () => peer.hasEnded,
    };
  }

  async settle(isThrough: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    // At least once: not all that a step brings about is to be seen.
    do await new Promise((resolve) => setTimeout(resolve, 1));
    while (!isThrough() && performance.now() < end);
  }

  /** What was under way has come, also what nobody expects. */
  fence(): Promise<void> {
    return fence(this.mux);
  }

  async end(): Promise<void> {
    for (const { socket } of this.#peers) socket.destroy();
    for (const fh of this.mux.handles()) this.mux.close(fh);
    await this.mux[Symbol.asyncDispose]();
  }
}
