import type { ReactorHandle, ReactorTurn } from '../engine/reactor/handle.js';
import type { Accepted, ListenerHandle } from '../engine/reactor/listener.js';
import type { Joined } from './end.js';

/** What a handle sees of the engine that it belongs to. */
export interface MemoryTurn extends ReactorTurn {
  /** Queues the handle: there may be room for what it has queued, or an answer to it. */
  offerRoom(handle: ReactorHandle): void;
  /** Gives an accepted connection a slot; undefined if the table is full. */
  admit(accepted: Accepted<Joined>, listener: ListenerHandle<Joined, MemoryTurn>): number | undefined;
  /** Calls once, when the table is not full any more. */
  whenSlotIsFree(call: () => void): void;
}
