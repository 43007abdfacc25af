/**
 * How a connection ends: two small machines, one for each direction, and the one table that moves them. It knows
 * nothing of callbacks and engines, so a test can walk through all of it.
 */

/** Bits 0–1 of the state: what we do with input. */
export const enum Reading {
  Open = 0,
  Paused = 1,
  /** The peer has finished, or reading failed; `mux_eof` was called or is being called. */
  Ended = 2,
  /** We do not want more: it is read and thrown away. */
  Shut = 3,
}

/** Bits 2–3: what we do with output. */
export const enum Writing {
  Open = 0 << 2,
  /** Nothing more is taken; the FIN follows what is queued. */
  Flushing = 1 << 2,
  /** The FIN was sent. */
  Shut = 2 << 2,
  Failed = 3 << 2,
}

/** The state of a slot, one byte: its two machines and what else has to be known at once about it. */
export const enum SlotState {
  ReadingMask = 3,
  WritingMask = 3 << 2,
  KindMask = 3 << 4,
  Stream = 0 << 4,
  Listener = 1 << 4,
  Datagram = 2 << 4,
  /** A graceful close promised a `mux_eof` that was not called yet. */
  EofOwed = 1 << 6,
  /** The side table of leftovers has input of this slot. */
  HasLeftover = 1 << 7,
}

/** What can happen to a connection that brings its end closer. */
export const enum Ending {
  /** The peer's FIN; `mux_eof` has returned. */
  Fin,
  /** Reading failed; `mux_eof` has returned. */
  ReadFailed,
  /** `shutdown(fh, 0)` */
  ShutdownReading,
  /** `shutdown(fh, 1)` */
  ShutdownWriting,
  /** `shutdown(fh, 2)`, `fh.close()` */
  ShutdownBoth,
  /** A `mux_eof` that was owed has returned. */
  EofPaid,
  /** All output was sent, and the FIN behind it. */
  Flushed,
  /** A callback threw, or `endLoop` drains the connection: no more input, no `mux_eof`, flush, close. */
  Finish,
}

/** What the table has to know beside the state. */
export const enum Fact {
  /** Output waits, in the ring or in the outbox. */
  Queued = 1,
  /** Input was presented and not consumed. */
  Unread = 2,
  /** Option `allowHalfOpen`. */
  HalfOpen = 4,
}

/** What is to be done after a step; the bits stand above the byte of the state. */
export const enum Effect {
  ShutWrite = 1 << 8,
  /** Throw away all further input. */
  Discard = 1 << 9,
  /** The same, and the engine reports one end of input for it. */
  DiscardWithEof = 1 << 10,
  /** Close now. */
  Close = 1 << 11,
  /** With `Close`: the peer may still be sending. */
  Linger = 1 << 12,
}

/**
 * One step.
 * @param state the byte of the slot
 * @param facts `Fact` bits
 * @returns the new state, with `Effect` bits above it
 */
export function stepTowardsEnd(state: number, ending: Ending, facts: number): number {
  switch (ending) {
    case Ending.Fin: {
      const ended = isReadingOver(state) ? state : withReading(state, Reading.Ended);
      return (facts & Fact.HalfOpen) !== 0 && isWritable(ended) ? ended : endWriting(ended, facts);
    }
    case Ending.ReadFailed:
      return endWriting(isReadingOver(state) ? state : withReading(state, Reading.Ended), facts);
    case Ending.ShutdownReading:
      if (isReadingOver(state)) return state;
      return closeIfOver(withReading(state, Reading.Shut) | Effect.Discard);
    case Ending.ShutdownWriting:
      return endWriting(state, facts);
    case Ending.ShutdownBoth: {
      if (isReadingOver(state)) return endWriting(state, facts);
      const nothingWaits = (facts & (Fact.Queued | Fact.Unread)) === 0 && (state & SlotState.WritingMask) !== Writing.Flushing;
      if (nothingWaits) return close(withReading(state, Reading.Shut));
      const owing = withReading(state, Reading.Shut) | SlotState.EofOwed | Effect.DiscardWithEof;
      return endWriting(owing, facts);
    }
    case Ending.EofPaid:
      return closeIfOver(state & ~SlotState.EofOwed);
    case Ending.Flushed:
      return closeIfOver(withWriting(state, Writing.Shut));
    case Ending.Finish: {
      const mute = state & ~SlotState.EofOwed;
      return endWriting(isReadingOver(mute) ? mute : withReading(mute, Reading.Shut) | Effect.Discard, facts);
    }
  }
}

/** Whether `write` is allowed. */
export function isWritable(state: number): boolean {
  return (state & SlotState.WritingMask) === Writing.Open;
}

/** Whether no more input is wanted or possible. */
function isReadingOver(state: number): boolean {
  return (state & SlotState.ReadingMask) >= Reading.Ended;
}

export function withReading(state: number, reading: Reading): number {
  return (state & ~SlotState.ReadingMask) | reading;
}

export function withWriting(state: number, writing: Writing): number {
  return (state & ~SlotState.WritingMask) | writing;
}

/** No more output is taken. Where both directions are through and nothing waits, that is the end. */
function endWriting(state: number, facts: number): number {
  if (!isWritable(state)) return closeIfOver(state);
  const through = isReadingOver(state) && (state & SlotState.EofOwed) === 0;
  if (through && (facts & Fact.Queued) === 0) return close(state);
  return withWriting(state, Writing.Flushing) | Effect.ShutWrite;
}

function closeIfOver(state: number): number {
  const writing = state & SlotState.WritingMask;
  const over = writing === Writing.Shut && isReadingOver(state) && (state & SlotState.EofOwed) === 0;
  return over || writing === Writing.Failed ? close(state) : state;
}

/** After the peer's FIN, or when it is gone, nothing more arrives; else something may, and must not turn the close into a reset. */
function close(state: number): number {
  const peerIsThrough = (state & SlotState.ReadingMask) === Reading.Ended || (state & SlotState.WritingMask) === Writing.Failed;
  return state | Effect.Close | (peerIsThrough ? 0 : Effect.Linger);
}
