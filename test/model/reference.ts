/**
 * What a server is to tell of its connections, from the documents and not from the code: docs/architecture.md, "Half-close", and what
 * the callbacks promise. It knows no engine, no buffer and no time; each step is through before the next one begins.
 */
import { type Action, type Callback, CLIENTS, type Step, WRITTEN_BYTES } from './script.js';

export interface Plan {
  readonly orders: readonly Action[];
  readonly to: number;
}

/** One-shot plans, by callback and connection, in their order. */
export class Plans {
  readonly #plans = new Map<string, Plan[]>();

  add(when: Callback, of: number, plan: Plan): void {
    const key = `${when} ${of}`;
    this.#plans.set(key, [...(this.#plans.get(key) ?? []), plan]);
  }

  take(when: Callback, of: number): Plan | undefined {
    return this.#plans.get(`${when} ${of}`)?.shift();
  }
}

/** The callbacks of a connection, with the bytes that were consumed or, at the end, left; inputs that follow each other are one. */
export class Trace {
  readonly lines: string[] = [];

  add(callback: Callback, bytes = 0): void {
    const last = /^mux_input (\d+)$/.exec(this.lines.at(-1) ?? '');
    if (callback === 'mux_eof') this.lines.push(`mux_eof ${bytes}`);
    else if (callback !== 'mux_input') this.lines.push(callback);
    else if (last === null) this.lines.push(`mux_input ${bytes}`);
    else this.lines[this.lines.length - 1] = `mux_input ${Number(last[1]) + bytes}`;
  }
}

export class ReferenceConnection {
  readonly trace = new Trace();
  isAlive = false;
  reading: 'open' | 'paused' | 'ended' | 'shut' = 'open';
  writing: 'open' | 'flushing' | 'shut' = 'open';
  /** What the client has sent and nobody was told of. */
  held = 0;
  /** What was presented and not consumed. */
  unread = 0;
  heldEnd: 'fin' | 'reset' | undefined;
  /** The client sends no more. */
  isClientThrough = false;
  /** The client has reset the connection: nothing can be written. */
  isPeerGone = false;
  owesEof = false;
  /** Bytes written in this turn. */
  queued = 0;
  hasTimer = false;
  /** Bytes that the client has sent in all. */
  sent = 0;
  /** Bytes that the client must have got. */
  delivered = 0;

  /** Whether the client must have seen the end. */
  get isOver(): boolean {
    return this.writing === 'shut' || (this.trace.lines.length > 0 && !this.isAlive);
  }
}

export class Reference {
  readonly connections = Array.from({ length: CLIENTS }, () => new ReferenceConnection());
  readonly #isHalfOpenAllowed: boolean;
  readonly #plans = new Plans();
  accepted = 0;

  constructor(allowHalfOpen: boolean) {
    this.#isHalfOpenAllowed = allowHalfOpen;
  }

  /** @returns false for a step that makes no sense now: nobody takes it */
  take(step: Step): boolean {
    if ('when' in step) {
      this.#plans.add(step.when, step.of, step);
      return true;
    }
    const c = this.connections['client' in step ? step.client : step.to]!;
    if ('client' in step && step.does === 'connect') {
      if (c.isAlive || c.trace.lines.length > 0) return false;
      c.isAlive = true;
      this.accepted += 1;
      this.#emit(c, 'mux_connection');
    } else if (!c.isAlive || ('client' in step && c.isClientThrough)) {
      return false;
    } else if ('server' in step) {
      for (const action of step.server) this.#act(c, action);
    } else if (step.does === 'send') {
      c.sent += step.bytes;
      if (c.reading === 'open') this.#emit(c, 'mux_input', step.bytes);
      else if (c.reading === 'paused') c.held += step.bytes;
    } else {
      c.isClientThrough = true;
      if (step.does === 'reset') c.isPeerGone = true;
      c.heldEnd = step.does === 'reset' ? 'reset' : 'fin';
    }
    this.#settle();
    return true;
  }

  /** @returns false where the callback has thrown */
  #emit(c: ReferenceConnection, callback: Callback, bytes = 0): boolean {
    const plan = this.#plans.take(callback, this.connections.indexOf(c));
    if (callback === 'mux_input') {
      c.unread += bytes;
      c.trace.add(callback, plan?.orders.includes('leave') ? 0 : c.unread);
      if (!plan?.orders.includes('leave')) c.unread = 0;
    } else {
      c.trace.add(callback, c.unread);
      if (callback === 'mux_eof') c.unread = 0;
    }
    if (plan === undefined) return true;
    const throwing = plan.orders.indexOf('throw');
    for (const action of throwing < 0 ? plan.orders : plan.orders.slice(0, throwing)) this.#act(this.connections[plan.to]!, action);
    if (throwing < 0) return true;
    // What is thrown by these two is told to nobody.
    if (callback === 'mux_close' || callback === 'mux_error') return true;
    if (!c.isAlive) return false; // nobody is told any more
    this.#emit(c, 'mux_error');
    if (!c.isAlive) return false;
    c.owesEof = false;
    c.held = 0;
    c.unread = 0;
    if (!this.#isReadingOver(c)) c.reading = 'shut';
    this.#endWriting(c);
    return false;
  }

  #act(c: ReferenceConnection, action: Action): void {
    if (!c.isAlive) return;
    switch (action) {
      case 'write':
        if (c.writing === 'open') c.queued += WRITTEN_BYTES;
        break;
      case 'kill output':
        c.queued = 0;
        break;
      case 'pause':
        if (c.reading === 'open') c.reading = 'paused';
        break;
      case 'resume':
        if (c.reading === 'paused') c.reading = 'open';
        break;
      case 'shutdown 0':
        if (this.#isReadingOver(c)) break;
        c.reading = 'shut';
        c.held = 0;
        c.unread = 0;
        this.#closeIfOver(c);
        break;
      case 'shutdown 1':
        this.#endWriting(c);
        break;
      case 'close':
        this.#endBoth(c);
        break;
      case 'abort':
      case 'reset':
        this.#close(c);
        break;
      case 'timer':
        c.hasTimer = true;
        break;
      case 'no timer':
        c.hasTimer = false;
        break;
    }
  }

  #endBoth(c: ReferenceConnection): void {
    if (this.#isReadingOver(c)) {
      this.#endWriting(c);
    } else if (c.queued === 0 && c.unread === 0 && c.writing !== 'flushing') {
      this.#close(c);
    } else {
      c.reading = 'shut';
      c.held = 0;
      c.owesEof = true;
      this.#endWriting(c);
    }
  }

  #endWriting(c: ReferenceConnection): void {
    if (c.writing !== 'open') this.#closeIfOver(c);
    else if (this.#isReadingOver(c) && !c.owesEof && c.queued === 0) this.#close(c);
    else c.writing = 'flushing';
  }

  #isReadingOver(c: ReferenceConnection): boolean {
    return c.reading === 'ended' || c.reading === 'shut';
  }

  #closeIfOver(c: ReferenceConnection): void {
    if (c.isAlive && c.writing === 'shut' && this.#isReadingOver(c) && !c.owesEof) this.#close(c);
  }

  #close(c: ReferenceConnection): void {
    c.isAlive = false;
    c.queued = 0;
    c.hasTimer = false;
    this.#emit(c, 'mux_close');
  }

  /** All that a step has given rise to: output first, then input that waited, timers last. */
  #settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const c of this.connections) isBusy = this.#flush(c) || isBusy;
      for (const c of this.connections) isBusy = (!isBusy && this.#receive(c)) || isBusy;
      for (const c of isBusy ? [] : this.connections.filter(({ hasTimer }) => hasTimer)) {
        isBusy = true;
        if (!c.isAlive || !c.hasTimer) continue;
        c.hasTimer = false;
        this.#emit(c, 'mux_timeout');
      }
    }
  }

  #flush(c: ReferenceConnection): boolean {
    if (!c.isAlive || (c.queued === 0 && !c.owesEof && c.writing !== 'flushing')) return false;
    if (c.queued > 0 && c.isPeerGone) {
      this.#fail(c);
      return true;
    }
    const hadOutput = c.queued > 0;
    c.delivered += c.queued;
    c.queued = 0;
    const isFlushing = c.writing === 'flushing';
    if (c.owesEof) {
      c.owesEof = false;
      this.#emit(c, 'mux_eof');
      if (!c.isAlive) return true;
    }
    if (hadOutput && (!this.#emit(c, 'mux_outbuffer_empty') || !c.isAlive)) return true;
    if (isFlushing) c.writing = 'shut';
    this.#closeIfOver(c);
    return true;
  }

  /** What came while nobody read. */
  #receive(c: ReferenceConnection): boolean {
    if (!c.isAlive) return false;
    if (c.reading === 'shut' && c.isPeerGone) {
      this.#fail(c);
      return true;
    }
    if (c.reading !== 'open') return false;
    if (c.held > 0) {
      const bytes = c.held;
      c.held = 0;
      this.#emit(c, 'mux_input', bytes);
      return true;
    }
    if (c.heldEnd === undefined) return false;
    c.reading = 'ended';
    const isReset = c.heldEnd === 'reset';
    c.heldEnd = undefined;
    if (!this.#emit(c, 'mux_eof') || !c.isAlive) return true;
    if (isReset || !this.#isHalfOpenAllowed || c.writing !== 'open') this.#endWriting(c);
    return true;
  }

  #fail(c: ReferenceConnection): void {
    if (c.owesEof) {
      c.owesEof = false;
      this.#emit(c, 'mux_eof');
      if (!c.isAlive) return;
    }
    c.writing = 'shut';
    c.queued = 0;
    if (this.#emit(c, 'mux_epipe') && c.isAlive) this.#close(c);
  }
}
