/**
 * What a server is to tell of its connections, from the documents and not from the code: docs/architecture.md, "Half-close", and what
 * the callbacks promise. It knows no engine, no buffer and no time; each step is through before the next one begins.
 */
import type { ClosedReason } from '../../src/mux/failures.js';
import { type Plan, Plans } from './plans.js';
import { ReferenceConnection } from './reference-connection.js';
import type { Action, Callback, Settings, Step } from './script.js';
import { CONNECTIONS, FOREIGN, INBUFFER_BYTES, POURED_BYTES, WRITTEN_BYTES } from './script.js';
import type { Traits } from './traits.js';

/** Above it `write` says false: the default. */
const HIGH_WATER_BYTES = 64 * 1024;

export class Reference {
  readonly connections = Array.from({ length: CONNECTIONS }, () => new ReferenceConnection());
  readonly counts = { accepted: 0, connected: 0, added: 0, dropped: 0, timeouts: 0, refused: 0 };
  readonly closed: Partial<Record<ClosedReason, number>> = {};
  /** `endLoop` was called. */
  isEnding = false;
  readonly #settings: Settings;
  readonly #traits: Traits;
  readonly #handles: () => readonly number[];
  readonly #plans = new Plans();
  /** Those that came about, in their order. */
  readonly #arrived: ReferenceConnection[] = [];
  /** Callbacks of events run: what ends the loop takes effect behind them. */
  #isInBatch = false;
  #isEndDue = false;

  /** @param handles the connections as `mux.handles()` lists them: an order that is nobody's promise, in which `endLoop` ends them */
  constructor(settings: Settings, traits: Traits, handles: () => readonly number[]) {
    this.#settings = settings;
    this.#traits = traits;
    this.#handles = handles;
  }

  /** @returns false for a step that makes no sense now: nobody takes it */
  take(step: Step): boolean {
    if (!this.#isPossible(step)) return false;
    if ('when' in step) this.#plans.add(step.when, step.of, step);
    else if ('open' in step) this.#open(this.connections[step.open]!, step.at, step.orders);
    else if ('server' in step) for (const action of step.server) this.#act(this.connections[step.to]!, action);
    else this.#hearOfClient(this.connections[step.client]!, step);
    this.#settle();
    return true;
  }

  #isPossible(step: Step): boolean {
    // Where a long piece of input is cut is nobody's promise: nothing is planned for its mux_input.
    if ('when' in step) return !(step.when === 'mux_input' && this.connections[step.of]!.held >= POURED_BYTES);
    if ('server' in step) return this.connections[step.to]!.isAlive;
    if ('open' in step) return !this.isEnding && !this.connections[step.open]!.isKnown;
    const c = this.connections[step.client]!;
    if (step.does === 'connect') {
      // A place that was given up may not be free at once.
      const isClear = !this.#settings.isLimited || this.#arrived.every((other) => other.isAlive || !this.#isAccepted(other));
      return !this.isEnding && !c.isKnown && isClear;
    }
    if (c.isPending || c.isClientThrough) return false;
    const isLong = step.does === 'send' && step.bytes >= POURED_BYTES;
    if (!c.isAlive) return c.isLingering && (step.does === 'read on' || step.does === 'finish' || (step.does === 'send' && !isLong));
    if (isLong) return !this.#plans.has('mux_input', step.client) && c.held < POURED_BYTES;
    // UNIX sockets know none: what a server hears then depends on what its client has left unread.
    if (step.does === 'reset') return c.held < POURED_BYTES && !this.#settings.isLocal;
    // Who has read much may be lent much by its kernel: a flood might fit.
    return step.does !== 'stop reading' || (c.delivered < this.#traits.floodBytes / 4 && c.over === undefined);
  }

  #isAccepted(c: ReferenceConnection): boolean {
    return this.connections.indexOf(c) < 2;
  }

  #hearOfClient(c: ReferenceConnection, step: Extract<Step, { client: number }>): void {
    switch (step.does) {
      case 'connect':
        this.#connect(c);
        break;
      case 'send':
        c.sent += step.bytes;
        if (c.isAlive && (c.reading === 'open' || c.reading === 'paused')) c.held += step.bytes;
        break;
      case 'stop reading':
        c.isClientReading = false;
        break;
      case 'read on':
        c.isClientReading = true;
        break;
      case 'finish':
      case 'reset':
        c.isClientThrough = true;
        if (step.does === 'reset') c.isPeerGone = true;
        if (c.isAlive) c.heldEnd = step.does === 'reset' ? 'reset' : 'fin';
        break;
    }
  }

  #connect(c: ReferenceConnection): void {
    c.isKnown = true;
    if (this.#settings.isLimited && this.#arrived.some((other) => other.isAlive && this.#isAccepted(other))) {
      c.isKnown = false;
      c.isClientThrough = true;
      c.isRefused = true;
      c.over = 'any';
      this.counts.refused += 1;
      this.#inBatch(() => this.#emit(c, 'mux_refused'));
      return;
    }
    this.counts.accepted += 1;
    c.isAlive = true;
    this.#arrived.push(c);
    this.#inBatch(() => this.#emit(c, 'mux_connection'));
  }

  #open(c: ReferenceConnection, at: 'listener' | 'nobody' | 'silence', orders: readonly Action[]): void {
    c.isKnown = true;
    c.isAlive = true;
    if (this.#traits.canAdd && this.connections.indexOf(c) === FOREIGN) {
      this.counts.added += 1;
      c.isEstablished = true;
      this.#arrived.push(c);
    } else {
      c.isPending = true;
    }
    for (const action of orders) this.#act(c, action);
    if (!c.isPending || !c.isAlive) return;
    if (at === 'listener') this.#inBatch(() => this.#established(c));
    else if (at === 'silence' && this.#traits.hasSilence) this.#neverConnected(c, 'NETMUX_CONNECT_TIMEOUT');
    else this.#neverConnected(c, this.#settings.isLocal ? 'ENOENT' : 'ECONNREFUSED');
  }

  /** What was asked for meanwhile happens first. */
  #established(c: ReferenceConnection): void {
    c.isPending = false;
    c.isEstablished = true;
    this.#arrived.push(c);
    this.counts.connected += 1;
    for (const action of c.early) this.#act(c, action);
    if (c.isAlive && !c.early.has('close')) this.#emit(c, 'mux_connection');
  }

  #neverConnected(c: ReferenceConnection, code: string): void {
    // The time is over outside of any group of callbacks.
    const fail = () => this.#emit(c, 'mux_error', code);
    if (code === 'NETMUX_CONNECT_TIMEOUT') fail();
    else this.#inBatch(fail);
    if (c.isAlive) this.#abandon(c);
  }

  #inBatch(act: () => void): void {
    this.#isInBatch = true;
    act();
    this.#isInBatch = false;
  }

  /** @returns false where the callback has thrown */
  #emit(c: ReferenceConnection, callback: Callback, code = 'thrown', bytes = 0): boolean {
    const plan = this.#plans.take(callback, this.connections.indexOf(c));
    if (callback === 'mux_timeout') this.counts.timeouts += 1;
    if (callback === 'mux_input') {
      c.unread += bytes;
      c.trace.add(callback, plan?.orders.includes('leave') ? 0 : c.unread);
      if (!plan?.orders.includes('leave')) c.unread = 0;
    } else {
      c.trace.add(callback, callback === 'mux_error' ? code : c.unread);
      if (callback === 'mux_eof') c.unread = 0;
    }
    if (!this.#follow(c, callback, plan)) return false;
    if (callback === 'mux_input' && c.isAlive && c.unread > 0) this.#keepUnread(c);
    return true;
  }

  /** @returns false where the plan was to throw */
  #follow(c: ReferenceConnection, callback: Callback, plan: Plan | undefined): boolean {
    if (plan === undefined) return true;
    const throwing = plan.orders.indexOf('throw');
    for (const action of throwing < 0 ? plan.orders : plan.orders.slice(0, throwing)) this.#act(this.connections[plan.to]!, action);
    // What these two throw is told to nobody.
    if (callback === 'mux_close' || callback === 'mux_error') return true;
    if (throwing >= 0) this.#failed(c);
    else if (plan.orders.includes('reject')) c.hasRejected = true;
    return throwing < 0;
  }

  #failed(c: ReferenceConnection): void {
    if (c.isRefused) this.#emit(c, 'mux_error'); // it was the listener's callback: that stays
    if (!c.isAlive) return; // nobody is told any more
    this.#emit(c, 'mux_error');
    if (!c.isAlive) return;
    c.reason ??= 'threw';
    this.#finish(c);
  }

  /** No more input, no `mux_eof`; what is queued is sent. */
  #finish(c: ReferenceConnection): void {
    c.owesEof = false;
    c.held = 0;
    c.unread = 0;
    if (!c.isReadingOver) c.reading = 'shut';
    this.#endWriting(c);
  }

  #keepUnread(c: ReferenceConnection): void {
    if (c.isReadingOver && !c.owesEof) c.unread = 0;
    else if (this.#settings.isInputLimited && c.unread > INBUFFER_BYTES) this.#exceed(c, 'inbuffer', 'NETMUX_INBUFFER_LIMIT');
  }

  #exceed(c: ReferenceConnection, reason: ClosedReason, code: string): void {
    c.reason ??= reason;
    if (c.isPending) c.early.add('shutdown 1');
    else c.writing = 'failed';
    this.#emit(c, 'mux_error', code);
    if (c.isAlive) this.#abort(c, 'any');
  }

  #act(c: ReferenceConnection, action: Action): void {
    if (action === 'end loop' || action === 'dispose') {
      if (this.#isInBatch) this.#isEndDue = true;
      else this.#endLoop();
    } else if (action === 'write' || action === 'flood') {
      if (action === 'flood') for (const other of this.connections) other.hasTimer = false;
      if (c.isKnown) c.answers.push(this.#write(c, action === 'write' ? WRITTEN_BYTES : this.#traits.floodBytes));
    } else if (!c.isAlive) {
      return;
    } else if (c.isPending && (action === 'shutdown 0' || action === 'shutdown 1' || (action === 'close' && c.queued > 0))) {
      c.early.add(action);
    } else {
      this.#change(c, action);
    }
  }

  #change(c: ReferenceConnection, action: Action): void {
    switch (action) {
      case 'replace output':
      case 'kill output':
        // What a kernel has already taken of a flood nobody knows: the rest is killed, and the connection with it.
        if (this.#isFlooded(c)) this.#abort(c, 'any');
        else if (action === 'kill output') c.queued = 0;
        else if (c.isWritable) c.queued = WRITTEN_BYTES;
        break;
      case 'pause':
        if (c.reading === 'open') c.reading = 'paused';
        break;
      case 'resume':
        if (c.reading === 'paused') c.isResuming = true;
        if (c.reading === 'paused') c.reading = 'open';
        break;
      case 'shutdown 0':
        if (c.isReadingOver) break;
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
        this.#abort(c, 'any');
        break;
      case 'reset':
        // A client that finds bytes and a reset behind them may tell of an end only: libuv does.
        this.#abort(c, c.writing === 'open' && c.delivered === c.seen && !this.#settings.isLocal ? 'reset' : 'any');
        break;
      case 'remove':
        if (c.isPending) break;
        c.isTorn = true;
        c.isRemoved = true;
        this.#leave(c, 'removed');
        break;
      case 'timer':
      case 'later timer':
        c.hasTimer = action === 'timer' && !this.connections.some((other) => this.#isFlooded(other));
        break;
      case 'no timer':
        c.hasTimer = false;
        break;
    }
  }

  #write(c: ReferenceConnection, bytes: number): boolean {
    if (!c.isAlive || !c.isWritable) return false;
    const { floodBytes } = this.#traits;
    const limit = floodBytes + floodBytes / 8;
    if (bytes > limit - c.queued && c.untried > 0) c.tryOutput(this.#traits.isFloodFast);
    if (bytes > limit - c.queued) {
      if (this.#settings.outbufferPolicy === 'drop') this.counts.dropped += 1;
      else this.#exceed(c, 'outbuffer', 'NETMUX_OUTBUFFER_LIMIT');
      return false;
    }
    c.queued += bytes;
    c.untried += bytes;
    return c.queued <= HIGH_WATER_BYTES;
  }

  /** Whether more is queued than its client's buffers can hold. */
  #isFlooded(c: ReferenceConnection): boolean {
    return c.queued >= this.#traits.floodBytes / 4;
  }

  #endBoth(c: ReferenceConnection): void {
    if (c.isPending) {
      this.#abandon(c);
    } else if (c.isReadingOver) {
      this.#endWriting(c);
    } else if (c.queued === 0 && c.unread === 0 && c.writing !== 'flushing') {
      c.reading = 'shut';
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
    else if (c.isReadingOver && !c.owesEof && c.queued === 0) this.#close(c);
    else c.writing = 'flushing';
  }

  #closeIfOver(c: ReferenceConnection): void {
    const isOver = c.writing === 'shut' && c.isReadingOver && !c.owesEof;
    if (c.isAlive && (isOver || c.writing === 'failed')) this.#close(c);
  }

  /** All was sent, or cannot be sent any more. */
  #close(c: ReferenceConnection): void {
    if (c.writing === 'failed') {
      this.#abort(c, 'any', 'ended');
      return;
    }
    c.isLingering = true;
    c.over ??= 'fin';
    this.#leave(c, 'ended');
    this.#emit(c, 'mux_close');
  }

  /** At once, whatever is queued: how much of what was sent a client gets that does not read now, nobody can tell. */
  #abort(c: ReferenceConnection, over: 'reset' | 'any', reason: ClosedReason = 'closed'): void {
    if (c.isPending) {
      this.#abandon(c);
      return;
    }
    // The kernel has taken all of a flood, its client not yet: a reset takes back what is under way.
    const isUnderWay = c.delivered - c.seen >= this.#traits.floodBytes / 4;
    if (this.#isFlooded(c) || isUnderWay || !c.isClientReading) c.isTorn = true;
    c.over ??= over;
    this.#leave(c, reason);
    this.#emit(c, 'mux_close');
  }

  /** A connection that was never established. */
  #abandon(c: ReferenceConnection): void {
    c.isAlive = false;
    c.isPending = false;
    c.queued = 0;
    c.isClientThrough = true;
    this.#emit(c, 'mux_close');
  }

  #leave(c: ReferenceConnection, otherwise: ClosedReason): void {
    const reason = c.reason ?? otherwise;
    this.closed[reason] = (this.closed[reason] ?? 0) + 1;
    c.isAlive = false;
    c.queued = 0;
    c.hasTimer = false;
  }

  #endLoop(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    for (const c of this.connections) if (c.isPending) this.#abandon(c);
    const listed = this.#handles().map((connection) => this.connections[connection]!);
    for (const c of [...listed, ...this.#arrived]) if (c.isAlive && !c.owesEof) this.#finish(c);
  }

  /** All that a step has given rise to: output first, then input that waited, timers, and the end of the loop last. */
  #settle(): void {
    const { rejectionsComeAfter } = this.#traits;
    const each = (act: (c: ReferenceConnection) => boolean) => () => this.connections.map(act).includes(true);
    const rejections = each((c) => this.#reject(c));
    const phases = [
      ...(rejectionsComeAfter === 'batch' ? [rejections] : []),
      each((c) => this.#flush(c, this.#traits.isFloodFast)),
      ...(rejectionsComeAfter === 'turn' ? [rejections] : []),
      () => this.connections.some((c) => this.#receive(c)),
      each((c) => this.#timeOut(c)),
      rejections,
      () => this.#endIfDue(),
      each((c) => this.#flush(c, true)),
    ];
    const goOn = (phase: () => boolean) => {
      this.#isInBatch = phase !== rejections;
      return phase();
    };
    while (phases.some(goOn));
    this.#isInBatch = false;
    for (const c of this.connections) c.look();
  }

  #endIfDue(): boolean {
    if (!this.#isEndDue) return false;
    this.#isEndDue = false;
    this.#isInBatch = false;
    this.#endLoop();
    return true;
  }

  #reject(c: ReferenceConnection): boolean {
    if (!c.hasRejected) return false;
    c.hasRejected = false;
    this.#failed(c);
    return true;
  }

  #timeOut(c: ReferenceConnection): boolean {
    if (!c.isAlive || !c.hasTimer || c.isPending) return false;
    c.hasTimer = false;
    this.#emit(c, 'mux_timeout');
    return true;
  }

  /** @param flood whether also a flood can be through */
  #flush(c: ReferenceConnection, flood: boolean): boolean {
    c.untried = 0;
    if (!c.isAlive || c.isPending || (c.queued === 0 && c.emptied === 0 && !c.owesEof && c.writing !== 'flushing')) return false;
    if (c.queued > 0 && c.isPeerGone) {
      if (c.reading === 'open' && !c.isResuming) return false; // who reads is told of the end of input first
      this.#fail(c);
      return true;
    }
    const isStuck = this.#isFlooded(c) && !(c.isClientReading && flood);
    const hadOutput = c.queued > 0;
    const isFlushing = c.writing === 'flushing';
    if (isStuck && !c.owesEof && c.emptied === 0) return false;
    if (!isStuck) {
      c.delivered += c.queued;
      c.queued = 0;
    }
    if (c.owesEof) {
      c.owesEof = false;
      this.#emit(c, 'mux_eof');
      if (!c.isAlive || isStuck) return true;
    }
    for (; c.emptied > 0; c.emptied -= 1) if (!this.#emit(c, 'mux_outbuffer_empty') || !c.isAlive) return true;
    if (isStuck) return true;
    if (hadOutput && (!this.#emit(c, 'mux_outbuffer_empty') || !c.isAlive)) return true;
    if (isFlushing) c.writing = 'shut';
    this.#closeIfOver(c);
    return true;
  }

  /** What came while nobody read. */
  #receive(c: ReferenceConnection): boolean {
    if (!c.isAlive || c.isPending) return false;
    if (c.reading === 'shut' && c.isPeerGone) {
      this.#fail(c);
      return true;
    }
    if (c.reading !== 'open') return false;
    c.isResuming = false;
    if (c.held > 0) {
      const bytes = c.held;
      c.held = 0;
      this.#emit(c, 'mux_input', undefined, bytes);
      return true;
    }
    if (c.heldEnd === undefined) return false;
    c.reading = 'ended';
    const isReset = c.heldEnd === 'reset';
    c.heldEnd = undefined;
    if (isReset) c.reason ??= 'failed';
    if (!this.#emit(c, 'mux_eof') || !c.isAlive) return true;
    if (isReset || !this.#settings.allowHalfOpen || c.writing !== 'open') this.#endWriting(c);
    return true;
  }

  #fail(c: ReferenceConnection): void {
    if (c.owesEof) {
      c.owesEof = false;
      this.#emit(c, 'mux_eof');
      if (!c.isAlive) return;
    }
    c.writing = 'failed';
    c.queued = 0;
    c.reason ??= 'failed';
    if (this.#emit(c, 'mux_epipe') && c.isAlive) this.#abort(c, 'any', 'ended');
  }
}
