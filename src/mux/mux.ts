import { isUint8Array } from 'node:util/types';
import { decodeAddress } from '../engine/address.js';
import type { EngineName } from '../engine/engine.js';
import { CloseMode, Control, HandleKind, type SocketOptions } from '../engine/engine.js';
import { selectEngine } from '../engine/select.js';
import { NetmuxError, NetmuxTypeError, shown } from '../errors.js';
import { AsyncScopes, ownCallbacks } from './async-scopes.js';
import { checkCallbacks, misspeltCallbacks } from './callback-checks.js';
import type { MuxCallbacks } from './callbacks.js';
import { Connecting } from './connect.js';
import { type ConnectOptions, planConnection } from './connect-options.js';
import { type DatagramPeer, datagramPeer } from './datagram-address.js';
import type { Dispatcher } from './dispatcher.js';
import { dispatcherOf } from './dispatchers.js';
import { SlotState } from './half-close.js';
import { Handle, Listener, peerPrefix } from './handle.js';
import type { InputBuffer } from './input-buffer.js';
import { listenerLimits, socketDefaults } from './limits.js';
import { Listening } from './listen.js';
import { type ListenOptions, MAX_INT32, planListening } from './listen-options.js';
import { type MuxOptions, type MuxSettings, muxSettings } from './options.js';
import { REFUSED } from './output.js';
import { Run } from './run.js';
import { DEAD, PENDING } from './slots.js';
import { checkedObject } from './socket-options.js';
import { type MuxStats, statsOf } from './stats.js';
import { checkedDelay } from './timers.js';

/** Options of `mux.loop`. */
export interface LoopOptions {
  /** Aborting it is calling `endLoop()`. */
  readonly signal?: AbortSignal;
}

/** Callback objects that were warned of. */
const warned = new WeakSet<object>();

/** Multiplexers made so far: each has a number, by which an engine tells what they count. */
let made = 0;

/**
 * A multiplexer: one loop for any number of sockets, and callbacks for what happens to them. (IO::Multiplex)
 *
 * Sockets are added by `listen`, `connect` and `add`; callbacks are named by `setCallbackObject`; nobody is called before
 * `loop()`. A callback that computes for long holds up everybody else.
 */
export class Mux<Data = unknown> implements AsyncDisposable {
  /** @internal */
  readonly settings: MuxSettings;
  /** @internal */
  readonly dispatcher: Dispatcher;
  /** @internal */
  readonly run: Run;
  /** @internal Where each handle has an async context of its own. */
  readonly scopes: AsyncScopes | undefined;
  /** @internal The default callback object. */
  callbacks: MuxCallbacks<Data> | undefined;
  readonly #number = ++made;
  readonly #socketDefaults: SocketOptions;

  /**
   * It holds nothing of the system yet, and need not be closed where it was never used.
   * @throws NetmuxTypeError for an unknown option or a value out of its range
   * @throws NETMUX_NO_NATIVE where `engine: 'native'` cannot be had
   */
  constructor(options: MuxOptions = {}) {
    this.settings = muxSettings(options);
    this.#socketDefaults = socketDefaults(this.settings);
    this.dispatcher = dispatcherOf(selectEngine(this.settings.engine, this.settings.warn));
    const { control } = this.dispatcher.engine.memory;
    control[Control.BusyPollMicros] = Math.max(control[Control.BusyPollMicros]!, this.settings.busyPollMicros);
    this.run = new Run(this, this.dispatcher);
    this.scopes = this.settings.asyncContext === 'connection' ? new AsyncScopes() : undefined;
  }

  /** Which engine carries the sockets. */
  get engine(): EngineName {
    return this.dispatcher.engine.name;
  }

  /**
   * Binds a socket and listens; a datagram socket is bound only, and receives. Returns at once: see `Listener.ready`.
   * What the system refuses is told there, or else by `loop()`. (IO::Multiplex listen)
   * @throws NetmuxTypeError for misuse
   */
  listen(options: ListenOptions): Listener<Data> {
    const plan = planListening(options, this.#socketDefaults);
    const limits = listenerLimits(this.settings, this.#number, plan.limits);
    const listener = this.#made(new Listener(this, 'path' in plan ? plan.path : undefined));
    new Listening(this.dispatcher, listener, { ...plan, socket: { ...plan.socket, ...(limits && { limits }) } });
    return listener;
  }

  /**
   * Connects, once the loop runs: `mux_connection` when the connection is established, else `mux_error` and `mux_close`.
   * Until then what is written waits, within `maxOutbuffer`.
   * @throws NetmuxTypeError for misuse
   */
  connect(options: ConnectOptions): Handle<Data> {
    const plan = planConnection(options, this.#socketDefaults);
    const handle = this.#made(new Handle(PENDING, this));
    new Connecting(this.dispatcher, handle, plan);
    return handle;
  }

  /**
   * Takes over a descriptor of this process: a socket, a pipe, a terminal. It becomes non-blocking. Native engine only.
   * (IO::Multiplex add)
   * @returns its handle; undefined where it is known already
   * @throws NETMUX_NOT_POLLABLE for a regular file; a system error for a bad descriptor
   */
  add(descriptor: number | { readonly fd: number } | Handle<Data>): Handle<Data> | undefined {
    if (descriptor instanceof Handle) return undefined;
    const fd = typeof descriptor === 'object' && descriptor !== null ? descriptor.fd : descriptor;
    if (!Number.isInteger(fd) || fd < 0 || fd > MAX_INT32) {
      throw new NetmuxTypeError(`add: a descriptor is a whole number from 0 to ${MAX_INT32}, not ${shown(fd)}`);
    }
    const { slots } = this.dispatcher;
    if (slots.descriptors.has(fd)) return undefined;
    const limits = listenerLimits(this.settings, this.#number, {});
    const { slot, kind } = slots.adopt(fd, { readSize: this.settings.readSize, ...(limits && { limits }) });
    if (kind === HandleKind.Listener) return this.#adopted(new Listener(this).bound(), slot, SlotState.Listener);
    return this.#adopted(new Handle(PENDING, this), slot, kind === HandleKind.Datagram ? SlotState.Datagram : SlotState.Stream);
  }

  /**
   * Forgets a handle without a callback. Its descriptor stays open, blocking again if it was; queued output and unread
   * input are dropped. (IO::Multiplex remove)
   * @returns the descriptor; −1 where it is not known, or the handle is not, or is not connected yet: that one stays
   * @throws NETMUX_NOT_ON_THIS_ENGINE for a listener or a datagram socket on the pure-Node engine
   */
  remove(fh: Handle<Data>): number {
    return this.#owns(fh) && fh.slot >= 0 ? this.dispatcher.lifecycle.remove(fh) : -1;
  }

  /**
   * As `Handle.write`. (IO::Multiplex write)
   * @returns bytes taken; undefined when refused: an unknown or closed handle, one shut down for writing, or over the limit
   * @throws as `Handle.write`
   */
  write(fh: Handle<Data>, data: string | Uint8Array | InputBuffer): number | undefined {
    if (!this.#owns(fh)) return undefined;
    const taken = this.dispatcher.output.write(fh, data);
    return taken === REFUSED ? undefined : taken;
  }

  /** Closes at once; queued output and unread input are dropped. `mux_close` runs inside the call. (IO::Multiplex close) */
  close(fh: Handle<Data>): void {
    if (this.#owns(fh)) this.dispatcher.lifecycle.closeNow(fh);
  }

  /** As `close`, but the peer gets a reset: what it has not read yet is lost to it. Where there is no TCP connection it is `close`. */
  reset(fh: Handle<Data>): void {
    if (this.#owns(fh)) this.dispatcher.lifecycle.closeNow(fh, CloseMode.Reset);
  }

  /**
   * As `Handle.shutdown`. (IO::Multiplex shutdown)
   * @throws NetmuxTypeError for another number
   */
  shutdown(fh: Handle<Data>, how: 0 | 1 | 2): void {
    if (!this.#owns(fh)) return;
    if (how !== 0 && how !== 1 && how !== 2) throw new NetmuxTypeError(`shutdown: how must be 0, 1 or 2, not ${shown(how)}`);
    this.dispatcher.lifecycle.shutdown(fh, how);
  }

  /**
   * As `Handle.setTimeout`. (IO::Multiplex set_timeout; there a second timer does not replace the first)
   * @returns whether the handle is known
   * @throws as `Handle.setTimeout`
   */
  setTimeout(fh: Handle<Data>, seconds: number | null): boolean {
    if (!this.#owns(fh)) return false;
    this.dispatcher.lifecycle.setTimer(fh, checkedDelay(seconds));
    return true;
  }

  /**
   * Names the object whose methods are called: of one handle, or of all that have none of their own. It takes effect from
   * the next event; undefined takes it away. Whether there is a `mux_outbuffer_empty` is looked at here, the other
   * methods may come and go. (IO::Multiplex set_callback_object)
   * @returns the object before; undefined for an unknown handle, where nothing is changed
   */
  setCallbackObject(callbacks: MuxCallbacks<Data> | undefined, fh?: Handle<Data>): MuxCallbacks<Data> | undefined {
    checkCallbacks(callbacks);
    if (fh !== undefined && !this.#owns(fh)) return undefined;
    const { slots } = this.dispatcher;
    const holder = fh ?? this;
    const before = ownCallbacks(holder.callbacks);
    holder.callbacks = callbacks === undefined ? undefined : (this.scopes?.around(callbacks) ?? callbacks);
    if (fh === undefined) for (const handle of slots.handlesOf(this)) slots.setInterest(handle);
    else if (fh.slot >= 0) slots.setInterest(fh);
    return before;
  }

  /**
   * The unread input. (IO::Multiplex inbuffer)
   * @param data replaces it; it is presented with the next bytes
   * @returns a copy of what is unread now; undefined for an unknown handle
   */
  inbuffer(fh: Handle<Data>, data?: Uint8Array): Buffer | undefined {
    if (!this.#owns(fh)) return undefined;
    if (data !== undefined && !isUint8Array(data)) throw new NetmuxTypeError('inbuffer: data must be a Uint8Array');
    return this.dispatcher.inbuffer(fh, data);
  }

  /**
   * The unsent output. (IO::Multiplex outbuffer)
   * @param data replaces it, and is sent
   * @returns a copy of what is unsent now; undefined for an unknown handle
   */
  outbuffer(fh: Handle<Data>, data?: Uint8Array): Buffer | undefined {
    if (!this.#owns(fh)) return undefined;
    if (data !== undefined && !isUint8Array(data)) throw new NetmuxTypeError('outbuffer: data must be a Uint8Array');
    return this.dispatcher.output.outbuffer(fh, data);
  }

  /** Drops the unsent output, without `mux_outbuffer_empty`. A shutdown that waits for it goes on. (IO::Multiplex kill_output) */
  killOutput(fh: Handle<Data>): void {
    if (this.#owns(fh)) this.dispatcher.output.kill(fh);
  }

  /** All handles but listeners, in no particular order; those of `connect` once they are established. (IO::Multiplex handles) */
  handles(): Handle<Data>[] {
    const { slots } = this.dispatcher;
    const own = slots.handlesOf(this) as Handle<Data>[];
    return own.filter(({ slot }) => (slots.state[slot]! & SlotState.KindMask) !== SlotState.Listener);
  }

  /** Who sent the last datagram; undefined before the first one, and for other handles. (IO::Multiplex udp_peer) */
  udpPeer(fh: Handle<Data>): DatagramPeer | undefined {
    if (!this.#owns(fh)) return undefined;
    const block = this.dispatcher.slots.peers.get(fh.slot);
    return block === undefined ? undefined : datagramPeer(decodeAddress(block));
  }

  /** Whether the handle is a datagram socket. (IO::Multiplex is_udp) */
  isUdp(fh: Handle<Data>): boolean {
    if (!this.#owns(fh) || fh.slot < 0) return false;
    return (this.dispatcher.slots.state[fh.slot]! & SlotState.KindMask) === SlotState.Datagram;
  }

  /**
   * Serves until no handle is left or `endLoop` has done its work. (IO::Multiplex loop)
   * @returns a promise that rejects with the error of a listener whose `ready` nobody asked for, and with
   *   NETMUX_ALREADY_LOOPING while another one is pending
   */
  async loop(options: LoopOptions = {}): Promise<void> {
    checkedObject('loop', options);
    await this.run.start(options.signal, () => this.#warnOfMistakes());
  }

  /**
   * Ends the loop: listeners are closed (without a callback), connections without queued output as well, the others when
   * they are flushed, at the latest after `drainTimeout`; `mux_close` for each, no `mux_eof`. Called in a callback it takes
   * effect after the present group of callbacks and the timers that follow it. (IO::Multiplex endloop)
   */
  endLoop(): void {
    this.run.end();
  }

  /** Ends everything as `endLoop` does, whether the loop runs or not, and waits for it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.run.dispose();
  }

  /** Counts, of this moment: a plain object. It costs a pass over the handles. */
  stats(): MuxStats {
    return statsOf(this);
  }

  /** @internal Tells of an error that no callback takes, and whose it is. */
  complain(error: unknown, fh?: Handle): void {
    try {
      this.settings.warn(`netmux: ${fh === undefined ? '' : peerPrefix(fh)}${described(error)}`);
    } catch (second) {
      // Thrown where it is uncaught, but not in the middle of a batch: the other connections get their callbacks.
      process.nextTick(() => {
        throw second;
      });
    }
  }

  /** Whether the handle is one of ours and not gone. */
  #owns(fh: Handle<Data>): boolean {
    return fh instanceof Handle && fh.mux === this && fh.slot !== DEAD;
  }

  /** A handle that the application has asked for. */
  #made<Kind extends Handle<Data>>(handle: Kind): Kind {
    this.scopes?.enter(handle);
    return handle;
  }

  #adopted<Kind extends Handle<Data>>(handle: Kind, slot: number, kind: number): Kind {
    if (kind === SlotState.Stream) this.run.totals.added += 1;
    this.dispatcher.lifecycle.open(this.#made(handle), slot, kind);
    this.run.startIfRunning(slot);
    return handle;
  }

  #warnOfMistakes(): void {
    const connections = new Set<unknown>([this, ...this.handles()]);
    for (const holder of [this, ...this.dispatcher.slots.handlesOf(this)]) {
      const callbacks = ownCallbacks(holder.callbacks);
      if (callbacks === undefined || warned.has(callbacks)) continue;
      warned.add(callbacks);
      for (const line of misspeltCallbacks(callbacks)) this.settings.warn(`netmux: ${line}`);
      // Push-only servers are legitimate, but a forgotten `mux_input` is the likelier case.
      if (callbacks.mux_input !== undefined || !connections.has(holder)) continue;
      this.settings.warn('netmux: a callback object has no mux_input: what its connections receive is read and thrown away');
    }
  }
}

/** An error as a line for people; what a callback has thrown with the frames that say where. Its properties may be anybody's getters. */
function described(error: unknown): string {
  try {
    if (error instanceof NetmuxError) return `${error.message} (${error.code})`;
    if (error instanceof Error && 'syscall' in error) return error.message;
    return error instanceof Error ? `${error.stack ?? error.message}` : `thrown: ${shown(error)}`;
  } catch {
    return 'thrown: an object that cannot be shown';
  }
}
