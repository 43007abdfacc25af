/**
 * What an engine offers to the multiplexer: shared memory that speaks the contract, and a handful of calls for
 * everything that is rare. `NativeEngine` puts the C++ core behind it, `NodeEngine` Node's own sockets.
 */

import type { SharedMemory } from '../native/shared-memory.js';
import type { Address } from './address.js';
import type { CommandRing } from './command-ring.js';

export * from '../native/contract.js';
export type { Address, CommandRing, SharedMemory };

/** `native` is the addon on epoll or kqueue, `node` the one over Node's own sockets, `memory` that of `netmux/testing`. */
export type EngineName = 'native' | 'node' | 'memory';

/** An engine that was made elsewhere: `netmux/testing` makes one. What it offers is no part of the public interface. */
export interface EngineObject {
  /** Which one it is. */
  readonly name: EngineName;
}

/** Length of the accept queue unless `backlog` says otherwise. The kernel caps it by net.core.somaxconn, 4096 on today's Linux. */
export const DEFAULT_BACKLOG = 4096;

/** Bytes that one read delivers unless `readSize` says otherwise; it cannot be more. */
export const DEFAULT_READ_SIZE = 64 * 1024;

/** Limits of a listener, for all that it accepts. */
export interface ListenerLimits {
  /** By `LimitWord`. */
  readonly words: Float64Array;
  /** Blocks of addresses that are never refused, `BLOCK_BYTES` each. */
  readonly exempt: Uint8Array;
}

/** Options of a listening or bound socket. Booleans default to false, `noDelay` to true. */
export interface SocketOptions {
  /** Length of the accept queue; the kernel caps it (`net.core.somaxconn`). */
  readonly backlog?: number;
  /** An IPv6 socket does not serve IPv4. */
  readonly ipv6Only?: boolean;
  /** SO_REUSEPORT. */
  readonly reusePort?: boolean;
  /** TCP_NODELAY on each connection. Default true: output is coalesced here, Nagle's delay only adds latency. */
  readonly noDelay?: boolean;
  /** SO_KEEPALIVE on each connection. */
  readonly keepAlive?: boolean;
  /** SO_BROADCAST on a datagram socket. */
  readonly broadcast?: boolean;
  /** Largest number of bytes that one read delivers; each accepted connection inherits it. 1 … 65,536. */
  readonly readSize?: number;
  /** Mode of a UNIX socket file, e.g. 0o660. Default: by umask. */
  readonly mode?: number;
  /** Of a UNIX socket that is taken over: where it is bound, for the engine that cannot ask the kernel. */
  readonly path?: string;
  /** Limits of a listener. They cannot be changed. */
  readonly limits?: ListenerLimits;
  /** By `TuningWord`: options of a TCP socket, which accepted ones inherit. */
  readonly tuning?: Int32Array;
}

/** What a slot holds: `HandleKind` of the contract. */
export interface Opened {
  readonly slot: number;
  readonly kind: number;
}

/**
 * All methods that take a slot answer for a slot that is in use; the caller (the dispatcher) keeps track of that.
 * Errors are `SystemError`s with `code`, `errno`, `syscall` and, where there is one, `address` and `port`.
 * A method that an engine cannot offer throws `NETMUX_NOT_ON_THIS_ENGINE`.
 */
export interface Engine extends EngineObject {
  readonly memory: SharedMemory;
  readonly ring: CommandRing;
  /** The bytes that `Data` and `Datagram` records of the current batch point into. The node engine replaces it for each chunk. */
  readonly readSlab: Buffer;

  /** Names the one function that is called with the number of records of each batch. Called once, before anything else. */
  attach(dispatch: (count: number) => void): void;

  /** Binds and listens. Nothing is accepted before `CommandKind.Start`. An address in use, no permission …: rejects. */
  listen(address: Address, options: SocketOptions): Promise<number>;
  /** Binds a datagram socket (UDP or UNIX). Nothing is read before `CommandKind.Start`. */
  bind(address: Address, options: SocketOptions): Promise<number>;
  /** Begins to connect; the outcome is a `Connected` or `ConnectFailed` record, after `CommandKind.Start`. Throws what fails at once for reasons of this machine. */
  connect(address: Address, options: SocketOptions): number;
  /** Takes over a descriptor of this process: a socket, pipe or terminal. It is set non-blocking; `release` sets it back. */
  adopt(descriptor: number, options: SocketOptions): Opened;
  /** Takes over a listening socket of this process, which also the engine can that cannot `adopt`; a datagram socket where it can. */
  adoptListener(descriptor: number, options: SocketOptions): Opened;
  /** Forgets a slot without closing its descriptor, which is returned, and frees the slot. Queued output is dropped. */
  release(slot: number): number;

  /** Asked from the kernel at each call. `undefined` for an unnamed or vanished one. */
  address(slot: number, side: 'local' | 'remote'): Address | undefined;
  /** The descriptor, −1 where it is not known. */
  descriptor(slot: number): number;
  /** How many closed connections wait for their peer's end, so that it gets all that was sent. */
  readonly lingering: number;
  /** A copy of what the engine holds unsent of this slot (not of what still lies in the ring). */
  outbox(slot: number): Buffer;
  /** How many connections a listener's limits have kept out, by `Refusal`. */
  refused(slot: number): Float64Array;
  /** Keeps `buffer` until it is sent, for `CommandKind.WriteReference`. */
  reference(buffer: Uint8Array): number;
  /** The buffer behind a number that `reference` gave; empty if it is not kept any more. */
  referenced(reference: number): Uint8Array;

  /** Milliseconds, with fractions, since the engine's origin; the clock of `deadline`. Monotonic. */
  now(): number;
  /** Whether the engine keeps Node's loop alive. */
  setReferenced(on: boolean): void;
  /** Makes room in the ring and in the output slab, also in the middle of a turn: what is executed frees no slot and calls nobody. */
  drain(): void;
  /** Executes the whole ring. Outside a turn only; inside one it returns at once, since the turn ends with it. */
  flush(): void;
}
