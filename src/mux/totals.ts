import { REFUSALS } from '../engine/engine.js';
import { CLOSED_REASONS, type ClosedReason } from './failures.js';
import { SlotState } from './half-close.js';

/** What a multiplexer counts of handles that come and go. What is open is added when somebody asks. */
export class Totals {
  /** Connections accepted, established by `connect`, and taken over by `add`. */
  accepted = 0;
  connected = 0;
  added = 0;
  /** Writes refused by `maxOutbuffer`. */
  dropped = 0;
  /** `mux_timeout`s called. */
  timeouts = 0;
  /** Bytes of closed handles. */
  bytesRead = 0;
  bytesWritten = 0;
  /** Connections that ended, by reason. */
  readonly closed = Object.fromEntries(CLOSED_REASONS.map((reason) => [reason, 0])) as Record<ClosedReason, number>;
  /** Connections kept out by listeners that are closed, by `Refusal`. */
  readonly refused = new Float64Array(REFUSALS);

  /** A handle is closed that is no listener. */
  addClosed(kind: number, reason: ClosedReason, traffic: Float64Array, slot: number): void {
    if (kind === SlotState.Stream) this.closed[reason] += 1;
    this.bytesRead += traffic[2 * slot]!;
    this.bytesWritten += traffic[2 * slot + 1]!;
  }

  /** A listener is closed. */
  addRefused(counts: Float64Array): void {
    for (const [refusal, count] of counts.entries()) this.refused[refusal]! += count;
  }
}
