/** A server under a script: on the engine in memory or on sockets, it does what the steps say and writes down what it hears. */
import { closeSync } from 'node:fs';
import type { Handle, Listener, Mux, MuxCallbacks, MuxOptions, MuxStats } from '../../src/index.js';
import { ask } from './ask.js';
import { type Plan, Plans, Trace } from './plans.js';
import { type Action, bytesFrom, type Callback, CONNECTIONS, INBUFFER_BYTES, type Settings, type Step, WRITTEN_BYTES } from './script.js';
import type { Traits } from './traits.js';

/** Who sits at the other end. */
export interface Client {
  send(bytes: Buffer): unknown;
  finish(): unknown;
  reset(): unknown;
  stopReading(): void;
  readOn(): void;
  /** What it has got since the last call. */
  received(): Buffer[];
  /** How the server has ended. */
  over(): string | undefined;
}

/** No step lasts so long. */
const LATER_SECONDS = 3600;

/** The server's side is numbered behind the clients'. */
const sideOf = (connection: number) => CONNECTIONS + connection;

const numbers = () => new Array<number>(CONNECTIONS).fill(0);

export abstract class System {
  abstract readonly traits: Traits;
  readonly traces = Array.from({ length: CONNECTIONS }, () => new Trace());
  readonly answers: boolean[][] = Array.from({ length: CONNECTIONS }, () => []);
  /** What must not happen whatever the script. */
  readonly offences: string[] = [];
  /** Bytes of each connection that its client has got, and that the server has received and sent when it was closed. */
  readonly received = numbers();
  readonly bytesRead = numbers();
  readonly bytesWritten = numbers();
  protected abstract readonly mux: Mux;
  protected listener: Listener | undefined;
  /** The callbacks that run, the innermost last. */
  readonly inside: Callback[] = [];
  readonly #handles: (Handle | undefined)[] = [];
  readonly #clients: (Client | undefined)[] = [];
  readonly #plans = new Plans();
  /** Bytes of each connection that were consumed, written, and sent by its client. */
  readonly #consumed = numbers();
  readonly #written = numbers();
  readonly #sent = numbers();
  #connecting = 0;

  /** A client that comes. */
  protected abstract connect(): Promise<Client>;

  /** Makes the server connect, or take over a descriptor. */
  protected abstract open(
    connection: number,
    at: 'listener' | 'nobody' | 'silence',
  ): Promise<{ make(): Handle; client(): Promise<Client> }>;

  /** Waits until the condition holds and nothing else is under way, or for as long as that may take. */
  abstract settle(isThrough: () => boolean): Promise<void>;

  abstract end(): Promise<void>;

  async take(step: Step, isEstablished: boolean): Promise<void> {
    if ('when' in step) {
      this.#plans.add(step.when, step.of, step);
    } else if ('server' in step) {
      for (const action of step.server) this.#act(step.to, action);
    } else if ('open' in step) {
      const { make, client } = await this.open(step.open, step.at);
      this.#handles[step.open] = make();
      for (const action of step.orders) this.#act(step.open, action);
      if (isEstablished) this.#clients[step.open] = await client();
    } else if (step.does === 'connect') {
      this.#connecting = step.client;
      this.#clients[step.client] = await this.connect();
    } else {
      await this.#tell(this.#clients[step.client]!, step);
    }
  }

  /** How its server has ended for a client; what that has got must be what was written, in its order. */
  look(connection: number): string | undefined {
    const client = this.#clients[connection];
    for (const bytes of client?.received() ?? []) {
      const place = this.received[connection]!;
      this.received[connection] = place + bytes.length;
      if (!bytes.equals(bytesFrom(sideOf(connection), place, bytes.length))) this.offences.push(`client ${connection} got wrong bytes`);
    }
    return client?.over();
  }

  /** Traffic of handles that are still open is that of this moment. */
  readTraffic(): void {
    for (const [connection, fh] of this.#handles.entries()) if (fh !== undefined && !fh.closed) this.#readTraffic(connection, fh);
  }

  get stats(): MuxStats {
    return this.mux.stats();
  }

  /** The connections, as they are listed. */
  listed(): number[] {
    return this.mux.handles().flatMap((fh) => this.#handles.flatMap((one, connection) => (one === fh ? [connection] : [])));
  }

  /** What is still planned will not happen. */
  forgetPlans(): void {
    this.#plans.clear();
  }

  /** Nothing that is asked of a handle, also of one that is gone, does anything, or throws. */
  askAll(): void {
    for (const connection of this.#handles.keys()) this.#act(connection, 'ask');
  }

  protected options({ allowHalfOpen, outbufferPolicy, isInputLimited, isLimited }: Settings): MuxOptions {
    const { floodBytes } = this.traits;
    return {
      allowHalfOpen,
      outbufferPolicy,
      maxOutbuffer: floodBytes + floodBytes / 8,
      ...(isInputLimited && { maxInbuffer: INBUFFER_BYTES }),
      ...(isLimited && { maxConnectionsPerListener: 1 }),
      lingerTimeout: LATER_SECONDS,
      drainTimeout: LATER_SECONDS,
      warn: () => {}, // complaints are no part of the trace
    };
  }

  protected callbacks(): MuxCallbacks {
    return {
      mux_connection: (_, fh) => {
        if (!this.#handles.includes(fh)) this.#handles[this.#connecting] = fh;
        return this.#hear('mux_connection', fh);
      },
      mux_input: (_, fh, data) => {
        const connection = this.#handles.indexOf(fh);
        const plan = this.#plans.take('mux_input', connection);
        const bytes = plan?.orders.includes('leave') ? data.peek() : data.take();
        const from = this.#consumed[connection]!;
        if (!bytes.equals(bytesFrom(connection, from, bytes.length))) this.offences.push(`${connection} was shown wrong bytes`);
        if (fh.bytesRead < from + bytes.length) this.offences.push(`bytesRead of ${connection} is too small`);
        const consumed = plan?.orders.includes('leave') ? 0 : bytes.length;
        this.#consumed[connection]! += consumed;
        this.traces[connection]!.add('mux_input', consumed);
        return this.#follow('mux_input', plan);
      },
      mux_eof: (_, fh, data) => {
        const connection = this.#handles.indexOf(fh);
        const bytes = data.peek();
        if (!bytes.equals(bytesFrom(connection, this.#consumed[connection]!, bytes.length))) this.offences.push('the rest is another');
        return this.#hear('mux_eof', fh, bytes.length);
      },
      mux_close: (mux, fh) => {
        if (!fh.closed || mux.handles().includes(fh)) this.offences.push('open in its mux_close');
        this.#readTraffic(this.#handles.indexOf(fh), fh);
        return this.#hear('mux_close', fh);
      },
      mux_timeout: (_, fh) => this.#hear('mux_timeout', fh),
      mux_outbuffer_empty: (_, fh) => this.#hear('mux_outbuffer_empty', fh),
      mux_epipe: (_, fh) => this.#hear('mux_epipe', fh),
      mux_refused: (_, listener) => this.#hear('mux_refused', listener),
      mux_error: (_, fh, { code, message }) => this.#hear('mux_error', fh, code ?? (message === 'as planned' ? 'thrown' : message)),
    };
  }

  #hear(callback: Callback, fh: Handle, detail: number | string = 0): unknown {
    // Of the listener's callbacks the one who knocks is the cause.
    const connection = fh === this.listener ? this.#connecting : this.#handles.indexOf(fh);
    this.traces[connection]!.add(callback, detail);
    return this.#follow(callback, this.#plans.take(callback, connection));
  }

  #follow(callback: Callback, plan: Plan | undefined): unknown {
    if (plan === undefined) return undefined;
    this.inside.push(callback);
    try {
      for (const action of plan.orders) {
        if (action === 'throw') throw new Error('as planned');
        this.#act(plan.to, action);
      }
    } finally {
      this.inside.pop();
    }
    return plan.orders.includes('reject') ? Promise.reject(new Error('as planned')) : undefined;
  }

  #act(connection: number, action: Action): void {
    const { mux } = this;
    const fh = this.#handles[connection];
    if (action === 'end loop') mux.endLoop();
    if (action === 'dispose') void mux[Symbol.asyncDispose]();
    if (fh === undefined) return;
    const isFlooded = this.#isFlooded(fh);
    switch (action) {
      case 'write':
        this.#write(connection, fh, WRITTEN_BYTES);
        break;
      case 'flood':
        for (const other of this.#handles) other?.setTimeout(LATER_SECONDS);
        this.#write(connection, fh, this.traits.floodBytes);
        break;
      case 'replace output':
      case 'kill output':
        if (!isFlooded && (action === 'kill output' || fh.writable)) this.#written[connection]! -= fh.bufferedAmount;
        if (isFlooded || action === 'kill output') mux.killOutput(fh);
        if (isFlooded) mux.close(fh);
        else if (action === 'replace output') this.#replaceOutput(connection, fh);
        break;
      case 'shutdown 0':
        fh.shutdown(0);
        break;
      case 'shutdown 1':
        mux.shutdown(fh, 1);
        break;
      case 'abort':
        mux.close(fh);
        break;
      case 'remove': {
        if (!fh.closed) this.#readTraffic(connection, fh);
        const descriptor = mux.remove(fh);
        if (descriptor >= 0 && mux.engine === 'native') closeSync(descriptor); // Node keeps what is its own
        break;
      }
      case 'timer':
        fh.setTimeout(this.#handles.some((other) => other !== undefined && this.#isFlooded(other)) ? LATER_SECONDS : 0);
        break;
      case 'later timer':
        mux.setTimeout(fh, LATER_SECONDS);
        break;
      case 'no timer':
        fh.setTimeout(null);
        break;
      case 'ask':
        this.#ask(connection, fh);
        break;
      case 'end loop':
      case 'dispose':
      case 'throw':
      case 'reject':
      case 'leave':
        break;
      default:
        fh[action]();
    }
  }

  #isFlooded(fh: Handle): boolean {
    return fh.bufferedAmount >= this.traits.floodBytes / 4;
  }

  /** Each way to write has its turn. */
  #write(connection: number, fh: Handle, length: number): void {
    const bytes = bytesFrom(sideOf(connection), this.#written[connection]!, length);
    // Before a limit is judged the kernel is asked: it may take what waits, or lose it.
    const inAll = () => fh.bytesWritten + fh.bufferedAmount;
    const before = inAll();
    const isWritable = fh.writable;
    const text = bytes.toString();
    const isBelowTheMark = (taken: number | undefined) => taken !== undefined && fh.bufferedAmount <= this.mux.settings.highWaterMark;
    const ways = [
      () => fh.write(bytes),
      () => fh.write(text),
      () => isBelowTheMark(this.mux.write(fh, bytes)),
      () => isBelowTheMark(fh.print(bytes.subarray(0, 1), bytes.subarray(1))),
      () => isBelowTheMark(fh.printf('%s', text)),
      () => isBelowTheMark(fh.say(text.slice(0, -1))),
    ];
    const answer = ways[this.answers[connection]!.length % ways.length]!();
    this.answers[connection]!.push(answer);
    const taken = inAll() - before;
    if (!fh.closed && taken > 0 && taken !== length) this.offences.push(`${taken} of ${length} bytes were taken`);
    if (taken > 0 && !isWritable) this.offences.push('written to what is not writable');
    if (taken > 0) this.#written[connection]! += taken;
  }

  #replaceOutput(connection: number, fh: Handle): void {
    const bytes = bytesFrom(sideOf(connection), this.#written[connection]!, WRITTEN_BYTES);
    if (!fh.writable) return;
    this.mux.outbuffer(fh, bytes);
    this.#written[connection]! += WRITTEN_BYTES;
  }

  #ask(connection: number, fh: Handle): void {
    this.offences.push(...ask(this.mux, fh, this.inside.includes('mux_close')).map((what) => `${connection}: ${what}`));
    const { bufferedAmount } = fh;
    const unsent = this.mux.outbuffer(fh) ?? Buffer.alloc(0);
    const expected = bytesFrom(sideOf(connection), this.#written[connection]! - bufferedAmount, bufferedAmount);
    if (!unsent.equals(expected)) this.offences.push(`outbuffer of ${connection}: ${unsent.length} bytes, ${bufferedAmount} wait`);
    const unread = this.mux.inbuffer(fh) ?? Buffer.alloc(0);
    if (!unread.equals(bytesFrom(connection, this.#consumed[connection]!, unread.length))) this.offences.push(`inbuffer of ${connection}`);
  }

  #readTraffic(connection: number, fh: Handle): void {
    this.bytesRead[connection] = fh.bytesRead;
    this.bytesWritten[connection] = fh.bytesWritten;
  }

  async #tell(client: Client, step: Extract<Step, { client: number }>): Promise<void> {
    switch (step.does) {
      case 'send':
        await client.send(bytesFrom(step.client, this.#sent[step.client]!, step.bytes));
        this.#sent[step.client]! += step.bytes;
        break;
      case 'stop reading':
        client.stopReading();
        break;
      case 'read on':
        client.readOn();
        break;
      case 'finish':
        await client.finish();
        break;
      case 'reset':
        await client.reset();
        break;
    }
  }
}
