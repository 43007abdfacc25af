import type { Address } from '../engine/engine.js';
import type { CallbackError, MuxCallbacks } from './callbacks.js';
import type { InputBuffer } from './input-buffer.js';
import type { Mux } from './mux.js';
import { printf } from './printf.js';
import { DEAD, PENDING } from './slots.js';

/** Where a datagram goes. The host is a numeric address. */
export type DatagramAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * A connection, a datagram socket or a foreign descriptor of a `Mux`. The same object is handed to every callback, so
 * it can be the key of a Map. Once it is closed it stays harmless: no method throws, what would be written is refused.
 */
export class Handle<Data = unknown> {
  // A million of these may exist: four fields, assigned in this order, make 56 bytes. Everything rarer lives in tables by slot.
  // Even a private method would cost each of them eight bytes, for the mark that it belongs to this class.
  /** @internal Its number in the engine's tables, or `DEAD`, or `PENDING`. */
  declare slot: number;
  /** The multiplexer it belongs to. */
  declare readonly mux: Mux<Data>;
  /** @internal Its own callback object. */
  declare callbacks: MuxCallbacks<Data> | undefined;
  /** Whatever the application wants to keep with the connection. */
  declare data: Data | undefined;

  /** @internal */
  constructor(slot: number, mux: Mux<Data>) {
    this.slot = slot;
    this.mux = mux;
    this.callbacks = undefined;
    this.data = undefined;
  }

  /**
   * Queues output, all of it or nothing; it leaves with the present group of callbacks. Text is sent as UTF-8. Bytes from
   * 16 KiB on are sent from the caller's memory and must not change before `mux_outbuffer_empty`. An `InputBuffer` is
   * forwarded and stays unconsumed. On a datagram socket this is one datagram to the last sender (or the connected peer).
   *
   * @returns true; false when it was taken but more than `highWaterMark` bytes wait now (go on at `mux_outbuffer_empty`),
   *   or when it was refused: then `writable` is false, or `dropped` has grown
   * @throws NETMUX_INPUT_EXPIRED for a view of input whose callback is over; NETMUX_BUFFER_DETACHED for a buffer that was transferred;
   *   NetmuxTypeError for other types, and for a datagram of more than 65,507 bytes
   */
  write(data: string | Uint8Array | InputBuffer): boolean {
    return this.mux.dispatcher.output.writeLikeStream(this, data);
  }

  /**
   * Queues its arguments one behind the other. (Perl `print`)
   * @returns bytes taken; undefined when refused, as `Mux.write`
   */
  print(...parts: readonly (string | number | Uint8Array)[]): number | undefined {
    const isText = parts.every((part) => !(part instanceof Uint8Array));
    const bytes = () => Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : Buffer.from(String(part)))));
    return this.mux.write(this, isText ? parts.join('') : bytes());
  }

  /** As `print`, and a newline. (Perl `say`) */
  say(...parts: readonly (string | number | Uint8Array)[]): number | undefined {
    return this.print(...parts, '\n');
  }

  /** As `print` of the text that `sprintf` makes of a format and its values. (Perl `printf`) */
  printf(format: string, ...values: readonly unknown[]): number | undefined {
    return this.mux.write(this, printf(format, ...values));
  }

  /**
   * Sends one datagram, of at most 65,507 bytes, to anyone.
   * @param address a numeric host and a port, or a path, as the socket's own kind of address is
   * @throws as `write`; NetmuxTypeError for an address that is none, or of another kind
   * @returns false where this is not an open datagram socket. What the network does with it nobody knows.
   */
  send(data: string | Uint8Array | InputBuffer, address: DatagramAddress): boolean {
    return this.mux.dispatcher.output.send(this, data, address);
  }

  /**
   * Ends the connection when all output is sent: `shutdown(2)`. It has no limit of time: a peer that does not read is waited for, until
   * `mux.close` ends that, best in a `mux_timeout`. (IO::Multiplex: `close` of the handle itself)
   */
  close(): void {
    this.shutdown(2);
  }

  /**
   * Closes at once with a reset, so that nothing of the connection is left on this side: for peers that are not wanted. What
   * is queued, and what the peer has not read, is lost. `mux_close` runs inside the call.
   */
  reset(): void {
    this.mux.reset(this);
  }

  /**
   * Ends one direction or both. (IO::Multiplex shutdown)
   *
   * * 0: no more input is wanted; what arrives is thrown away, and there is no `mux_eof`.
   * * 1: no more is written; the peer sees the end when all output is sent. Input goes on.
   * * 2: both. With nothing queued and nothing unread the connection is closed inside the call, without `mux_eof`; else
   *   `mux_eof`, the rest of the output, `mux_outbuffer_empty`, `mux_close`.
   *
   * @throws NetmuxTypeError for any other number
   */
  shutdown(how: 0 | 1 | 2): void {
    this.mux.shutdown(this, how);
  }

  /**
   * Calls `mux_timeout` once, in so many seconds and never earlier, in place of the timer the handle may have. It counts
   * from the beginning of the present group of callbacks. Moving it later is as cheap as an assignment.
   * @param seconds fractions are allowed; 0 is due at the end of this turn; null = no timer
   * @throws NetmuxTypeError for what is no number from 0 on
   */
  setTimeout(seconds: number | null): void {
    this.mux.setTimeout(this, seconds);
  }

  /** Stops reading (a listener: accepting), so that the kernel slows the peer down. The timer goes on. What was read already may still be presented once. */
  pause(): void {
    this.mux.dispatcher.lifecycle.setPaused(this, true);
  }

  /** Reads again (a listener: accepts). Input that waits comes with the next turn. */
  resume(): void {
    this.mux.dispatcher.lifecycle.setPaused(this, false);
  }

  /** Keeps the process alive while the loop runs, which is the default. */
  ref(): this {
    this.mux.dispatcher.lifecycle.setReferenced(this, true);
    return this;
  }

  /** Lets the process end although the handle is open. */
  unref(): this {
    this.mux.dispatcher.lifecycle.setReferenced(this, false);
    return this;
  }

  /** The peer's numeric address; a UNIX peer's path, undefined where it has no name. */
  get remoteAddress(): string | undefined {
    return hostOf(addressOf(this, 'remote'));
  }

  /** The peer's port; undefined for UNIX sockets and other descriptors. */
  get remotePort(): number | undefined {
    return portOf(addressOf(this, 'remote'));
  }

  /** What kind of address the peer has. */
  get remoteFamily(): 'IPv4' | 'IPv6' | 'unix' | undefined {
    return familyOf(addressOf(this, 'remote'));
  }

  /** The numeric address of our end; the path of a UNIX socket. */
  get localAddress(): string | undefined {
    return hostOf(addressOf(this, 'local'));
  }

  /** The port of our end: of a listener on port 0, the one that the kernel chose. */
  get localPort(): number | undefined {
    return portOf(addressOf(this, 'local'));
  }

  /** The descriptor: −1 when it is closed, or not known on this engine. */
  get fd(): number {
    return this.slot >= 0 ? this.mux.dispatcher.engine.descriptor(this.slot) : -1;
  }

  /** Bytes received. */
  get bytesRead(): number {
    const { slots } = this.mux.dispatcher;
    const slot = slots.slotOf(this);
    return slot >= 0 ? slots.memory.traffic[2 * slot]! : 0;
  }

  /** Bytes that the kernel has taken. */
  get bytesWritten(): number {
    const { slots } = this.mux.dispatcher;
    const slot = slots.slotOf(this);
    return slot >= 0 ? slots.memory.traffic[2 * slot + 1]! : 0;
  }

  /** Bytes written that the kernel has not taken yet. */
  get bufferedAmount(): number {
    return this.mux.dispatcher.output.queued(this);
  }

  /** Whether `write` takes anything: false for listeners, after `shutdown(1)` and after the end. */
  get writable(): boolean {
    return this.mux.dispatcher.output.isWritable(this);
  }

  /** Whether the handle is gone; true inside its `mux_close` already. */
  get closed(): boolean {
    return this.slot === DEAD;
  }

  /**
   * What ended the connection, or is ending it: an error of the system (the peer has reset it), a limit, what a callback threw.
   * Undefined while nothing went wrong, and after an orderly end: `mux_eof` of a reset and of a FIN differ in this.
   */
  get error(): CallbackError | undefined {
    return this.mux.dispatcher.slots.failures.errorOf(this) as CallbackError | undefined;
  }

  /** How many writes were refused by the limit on output and its policy. */
  get dropped(): number {
    return this.mux.dispatcher.slots.dropped.get(this) ?? 0;
  }
}

/** A listening socket, or a datagram socket that was bound. */
export class Listener<Data = unknown> extends Handle<Data> {
  /** Where a UNIX socket is bound; a leading NUL means an abstract name. */
  readonly path: string | undefined;
  #outcome: 'pending' | 'bound' | Error = 'pending';
  #ready: Promise<this> | undefined;
  #settle: ((outcome: 'bound' | Error) => void) | undefined;

  /** @internal */
  constructor(mux: Mux<Data>, path?: string) {
    super(PENDING, mux);
    this.path = path;
  }

  /**
   * Resolves to the listener when it is bound: `localPort` is valid then, also for port 0. Rejects with an error that has
   * `code`, `address` and `port`. Where nobody has asked for this promise, `loop()` rejects with that error instead.
   */
  get ready(): Promise<this> {
    if (this.#ready === undefined) {
      this.#ready = new Promise<this>((resolve, reject) => {
        this.#settle = (outcome) => (outcome === 'bound' ? resolve(this) : reject(outcome));
      });
      // Whoever awaits it gets the rejection; a promise that was only looked at must not end the process.
      this.#ready.catch(() => {});
      if (this.#outcome !== 'pending') this.#settle?.(this.#outcome);
    }
    return this.#ready;
  }

  /** @internal Whether anybody asked for `ready`. */
  get isAwaited(): boolean {
    return this.#ready !== undefined;
  }

  /** @internal For a socket that was bound by others. */
  bound(): this {
    this.settle('bound');
    return this;
  }

  /** @internal */
  settle(outcome: 'bound' | Error): void {
    this.#outcome = outcome;
    this.#settle?.(outcome);
  }
}

function addressOf(handle: Handle, side: 'local' | 'remote'): Address | undefined {
  const { slots, engine } = handle.mux.dispatcher;
  const slot = slots.slotOf(handle);
  return slot >= 0 ? engine.address(slot, side) : undefined;
}

function hostOf(address: Address | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.family === 'unix' ? address.path || undefined : address.host;
}

function portOf(address: Address | undefined): number | undefined {
  return address === undefined || address.family === 'unix' ? undefined : address.port;
}

function familyOf(address: Address | undefined): 'IPv4' | 'IPv6' | 'unix' | undefined {
  if (address === undefined) return undefined;
  return address.family === 'unix' ? 'unix' : address.family === 4 ? 'IPv4' : 'IPv6';
}

/** @internal What a line about a connection begins with: its peer, where that is known. */
export function peerPrefix(fh: Handle): string {
  const { remotePort } = fh;
  return remotePort === undefined ? '' : `[${fh.remoteAddress}]:${remotePort}: `;
}
