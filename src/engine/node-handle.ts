import type { Socket } from 'node:net';
import type { UnixNames } from './node-address.js';
import type { ReactorTurn } from './reactor/handle.js';
import type { Accepted, ListenerHandle } from './reactor/listener.js';

/** What a handle sees of the reactor that it belongs to. */
export interface NodeTurn extends ReactorTurn {
  /** What `Data` and `Datagram` records of the present batch point into. */
  readSlab: Buffer;
  /** An event of Node's is through: delivers what it brought, unless a turn is under way that will. */
  turn(): void;
  /** Gives an accepted connection a slot; undefined if the table is full. */
  admit(accepted: Accepted<Socket>, listener: ListenerHandle<Socket, NodeTurn>, names: UnixNames | undefined): number | undefined;
}

/** The errno of an error of Node's, positive; `otherwise` where it is about the stream's own state. */
export function errnoOf(error: Error, otherwise: number): number {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === undefined ? otherwise : Math.abs(errno);
}

/** The descriptor behind a socket or server. Node has no public name for it; −1 if it is closed. */
export function descriptorOf(holder: object): number {
  return (holder as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}
