import { Counter } from '../engine/engine.js';
import type { ClosedReason } from './failures.js';
import { SlotState } from './half-close.js';
import { type RefusalReason, refusalsByReason } from './limits.js';
import type { Mux } from './mux.js';

/** What the engine under a multiplexer has done, for all that share it. Counted since it exists. */
export interface EngineStats {
  /** Wake-ups. */
  readonly turns: number;
  /** Calls into JavaScript. */
  readonly batches: number;
  /** What these calls have reported: a connection, a piece of input, a timer … each is one. */
  readonly records: number;
  /** How often a listener rested for want of descriptors, memory or slots. */
  readonly acceptPauses: number;
  /** Timers that came due. */
  readonly timers: number;
  /** UNIX datagrams over 65,535 bytes, which were thrown away. */
  readonly datagramsTooLong: number;
  /** Milliseconds that callbacks took until they returned, what they await not included: in all, and those of the longest batch. */
  readonly busyMs: number;
  readonly longestBatchMs: number;
  /** Batches of 50 ms and more: everybody else waited so long. */
  readonly slowBatches: number;
}

/** What a multiplexer can tell of itself: a plain object, of this moment. */
export interface MuxStats {
  /** Connections, datagram sockets and foreign descriptors. */
  readonly handles: number;
  /** Listeners of connections; a bound datagram socket is a handle. */
  readonly listeners: number;
  /** Connections that listeners have accepted since the multiplexer exists; those that limits refuse are in `refused`. */
  readonly accepted: number;
  /** Connections that `connect` has established since then. */
  readonly connected: number;
  /** Handles that `add` has made since then. */
  readonly added: number;
  /** Connections that limits have kept out, by the limit. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Connections that ended, by what ended them. */
  readonly closed: Readonly<Record<ClosedReason, number>>;
  /** Bytes received, of open handles and closed ones. */
  readonly bytesRead: number;
  /** Bytes that the kernel has taken, of open handles and closed ones. */
  readonly bytesWritten: number;
  /** Bytes that wait now: written, and not yet taken by the kernel. */
  readonly unsent: number;
  /** Bytes that wait now: received, and not consumed by a callback. */
  readonly unread: number;
  /** Writes refused by `maxOutbuffer`. */
  readonly dropped: number;
  /** `mux_timeout`s called. */
  readonly timeouts: number;
  /** Of the engine, which all multiplexers of a thread share. */
  readonly engine: EngineStats;
}

/** Adds what is open to what was counted. It costs a pass over the handles. */
export function statsOf(mux: Mux): MuxStats {
  const { slots, engine, pace } = mux.dispatcher;
  const { totals } = mux.run;
  const { traffic, unsent, counters } = slots.memory;
  const refused = Float64Array.from(totals.refused);
  const sum = { handles: 0, listeners: 0, bytesRead: totals.bytesRead, bytesWritten: totals.bytesWritten, unsent: 0, unread: 0 };
  for (const handle of slots.handlesOf(mux)) {
    const { slot } = handle;
    if ((slots.state[slot]! & SlotState.KindMask) === SlotState.Listener) {
      sum.listeners += 1;
      for (const [refusal, count] of engine.refused(slot).entries()) refused[refusal]! += count;
      continue;
    }
    sum.handles += 1;
    sum.bytesRead += traffic[2 * slot]!;
    sum.bytesWritten += traffic[2 * slot + 1]!;
    sum.unsent += unsent[slot]!;
    sum.unread += slots.unread(handle);
  }
  const { accepted, connected, added, dropped, timeouts, closed } = totals;
  return {
    ...sum,
    accepted,
    connected,
    added,
    refused: refusalsByReason(refused),
    closed: { ...closed },
    dropped,
    timeouts,
    engine: {
      turns: counters[Counter.Turns]!,
      batches: counters[Counter.Batches]!,
      records: counters[Counter.Records]!,
      acceptPauses: counters[Counter.AcceptPauses]!,
      timers: counters[Counter.Timers]!,
      datagramsTooLong: counters[Counter.DatagramsTooLong]!,
      ...pace,
    },
  };
}
