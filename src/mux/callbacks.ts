import type { Handle } from './handle.js';
import type { InputBuffer } from './input-buffer.js';
import type { Refused } from './limits.js';
import type { Mux } from './mux.js';

/** What `mux_error` is given. `code` is that of netmux (`docs/errors.md`) or the name of an errno; what a callback threw may have none. */
export type CallbackError = Error & { readonly code?: string };

/**
 * What a callback object may have; every method is optional. It may be a plain object or an instance of a class, one
 * for all handles or one for each (`Mux.setCallbackObject`). Methods are called on the object, so `this` works.
 *
 * A method may return a promise. Nobody waits for it; its rejection counts as a throw. A throw costs the connection
 * that the callback was about and nothing else: `mux_error`, then what was queued is sent, then `mux_close`.
 */
export interface MuxCallbacks<Data = unknown> {
  /** A connection was accepted (called on the *listener's* object), or an outgoing one is established. */
  mux_connection?(mux: Mux<Data>, fh: Handle<Data>): unknown;
  /** Bytes arrived, once per read. What the callback does not consume is presented again with the next bytes. */
  mux_input?(mux: Mux<Data>, fh: Handle<Data>, data: InputBuffer): unknown;
  /** The peer has finished sending, or the connection broke. `data` is the unread input, presented for the last time. */
  mux_eof?(mux: Mux<Data>, fh: Handle<Data>, data: InputBuffer): unknown;
  /** The handle was closed and is forgotten: its addresses and counters still answer until this returns. */
  mux_close?(mux: Mux<Data>, fh: Handle<Data>): unknown;
  /** The handle's timer is due. It fires once; set it again to go on. */
  mux_timeout?(mux: Mux<Data>, fh: Handle<Data>): unknown;
  /** All output has been given to the kernel, also where that succeeded at once. */
  mux_outbuffer_empty?(mux: Mux<Data>, fh: Handle<Data>): unknown;
  /** Writing failed since the peer is gone; `mux_close` follows. */
  mux_epipe?(mux: Mux<Data>, fh: Handle<Data>): unknown;
  /**
   * Limits have kept connections out (called on the *listener's* object): at most once a second for each listener and reason,
   * with their number. Each of them was reset (over a UNIX socket: ended), and is counted in `Mux.stats`.
   */
  mux_refused?(mux: Mux<Data>, listener: Handle<Data>, refused: Refused): unknown;
  /** Something went wrong: an error with a `code`, or what a callback has thrown. Without it a line goes to the option `warn`. */
  mux_error?(mux: Mux<Data>, fh: Handle<Data>, error: CallbackError): unknown;
}

/** The names of the callbacks, as a callback object may have them. */
export const CALLBACK_NAMES = [
  'mux_connection',
  'mux_input',
  'mux_eof',
  'mux_close',
  'mux_timeout',
  'mux_outbuffer_empty',
  'mux_epipe',
  'mux_refused',
  'mux_error',
] as const satisfies readonly (keyof MuxCallbacks)[];
