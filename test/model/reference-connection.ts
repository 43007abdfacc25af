import type { ClosedReason } from '../../src/mux/failures.js';
import { Trace } from './plans.js';

/** All that is to be known of a connection, and of its client. */
export class ReferenceConnection {
  readonly trace = new Trace();
  /** What each write has returned. */
  readonly answers: boolean[] = [];

  /** The server has a handle of it, or had one. */
  isKnown = false;
  isAlive = false;
  /** It is being connected; what was asked of it meanwhile. */
  isPending = false;
  readonly early = new Set<'shutdown 0' | 'shutdown 1' | 'close'>();
  /** The server's own: there was an other end. */
  isEstablished = false;
  /** It was not let in. */
  isRefused = false;
  /** It was taken out, and nobody is told. */
  isRemoved = false;
  /** Closed, and its client may still send. */
  isLingering = false;

  reading: 'open' | 'paused' | 'ended' | 'shut' = 'open';
  writing: 'open' | 'flushing' | 'shut' | 'failed' = 'open';
  /** It was resumed, and nobody has read since: output comes first. */
  isResuming = false;
  owesEof = false;
  hasTimer = false;
  hasRejected = false;
  /** What ends it, if not by itself. */
  reason: ClosedReason | undefined;

  /** What the client has sent in all, and nobody was told of. */
  sent = 0;
  held = 0;
  heldEnd: 'fin' | 'reset' | undefined;
  /** What was presented and not consumed. */
  unread = 0;
  /** Bytes written that nobody has taken yet; those that the client's side has. */
  queued = 0;
  /** Of these, what was written since they were sent last. */
  untried = 0;
  /** How often all was sent before a limit was judged: each is told. */
  emptied = 0;
  delivered = 0;

  /** The client sends no more. */
  isClientThrough = false;
  /** The client has reset the connection: nothing can be written. */
  isPeerGone = false;
  isClientReading = true;
  /** What the client has got, and how it ended, cannot be told. */
  isTorn = false;
  /** How the connection ends for the client, when it has read what comes before. */
  over: 'fin' | 'reset' | 'any' | undefined;
  /** What the client has seen so far. */
  seen = 0;
  seenOver: 'fin' | 'reset' | 'any' | undefined;

  get isReadingOver(): boolean {
    return this.reading === 'ended' || this.reading === 'shut';
  }

  get isWritable(): boolean {
    return this.isPending ? !this.early.has('shutdown 1') && !this.early.has('close') : this.writing === 'open';
  }

  /** Before a limit is judged, the kernel is asked. @param isFloodFast as `Traits` has it */
  tryOutput(isFloodFast: boolean): void {
    this.untried = 0;
    if (this.isPending) return;
    if (this.isPeerGone) {
      this.queued = 0; // lost; its end is told when what follows has failed as well
    } else if (isFloodFast && this.isClientReading) {
      this.delivered += this.queued;
      this.queued = 0;
      this.emptied += 1;
    }
  }

  /** The client takes what there is, if it reads. */
  look(): void {
    if (this.writing === 'shut') this.over ??= 'fin';
    if (!this.isClientReading) return;
    this.seen = this.delivered;
    this.seenOver = this.over;
  }
}
