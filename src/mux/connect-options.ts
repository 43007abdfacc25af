import type { SocketOptions } from '../engine/engine.js';
import { NetmuxTypeError, shown } from '../errors.js';
import {
  checkedBoolean,
  checkedHost,
  checkedInteger,
  checkedNames,
  checkedObject,
  checkedOneOf,
  checkedPath,
  MAX_PORT,
} from './socket-options.js';

/** Seconds for finding the address and trying all of them. */
const DEFAULT_TIMEOUT = 30;

/** Node's timers take no more milliseconds than an int32. */
const MAX_TIMEOUT = 2_147_483;

/** Options of `mux.connect` to a TCP port. */
export interface ConnectPortOptions {
  /** A name or an address. Default 'localhost'. Several addresses are tried in order. */
  readonly host?: string;
  /** 1–65535. */
  readonly port: number;
  /** Seconds, above 0, at most 2,147,483, for finding the address and trying all there are; then NETMUX_CONNECT_TIMEOUT. Default 30. */
  readonly timeout?: number;
  /** TCP_NODELAY. Default true: output is coalesced here already. */
  readonly noDelay?: boolean;
  /** SO_KEEPALIVE. Default: the option of the multiplexer, which is false. */
  readonly keepAlive?: boolean;
  /** Not with a port. */
  readonly path?: never;
}

/** Options of `mux.connect` to a UNIX socket. */
export interface ConnectPathOptions {
  /** A UNIX socket, at most 107 bytes; a leading NUL means an abstract name (Linux). */
  readonly path: string;
  /** Seconds, above 0, at most 2,147,483, also while the other side's queue is full; then NETMUX_CONNECT_TIMEOUT. Default 30. */
  readonly timeout?: number;
  /** Not with a path. */
  readonly port?: never;
}

/** Where `mux.connect` connects to: a port or a path, never both. */
export type ConnectOptions = ConnectPortOptions | ConnectPathOptions;

/** Where to connect to, checked. */
export type ConnectPlan = { readonly socket: SocketOptions; readonly timeoutMs: number } & (
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
);

const PORT_OPTIONS = ['host', 'port', 'timeout', 'noDelay', 'keepAlive'];
const PATH_OPTIONS = ['path', 'timeout'];

/**
 * @param defaults of the mux
 * @throws NetmuxTypeError naming the option
 */
export function planConnection(options: ConnectOptions, defaults: SocketOptions): ConnectPlan {
  const given = checkedObject('connect', options);
  checkedOneOf('connect', given, ['port', 'path']);
  const timeoutMs = 1000 * checkedTimeout(given.timeout);
  if (given.path !== undefined) {
    checkedNames('connect', given, PATH_OPTIONS);
    return { path: checkedPath('connect', given.path), socket: defaults, timeoutMs };
  }
  checkedNames('connect', given, PORT_OPTIONS);
  return {
    host: given.host === undefined ? 'localhost' : checkedHost('connect', given.host),
    port: checkedInteger('connect', 'port', given.port, 1, MAX_PORT),
    socket: {
      ...defaults,
      noDelay: given.noDelay === undefined || checkedBoolean('connect', 'noDelay', given.noDelay),
      keepAlive: given.keepAlive === undefined ? defaults.keepAlive === true : checkedBoolean('connect', 'keepAlive', given.keepAlive),
    },
    timeoutMs,
  };
}

function checkedTimeout(timeout: unknown): number {
  if (timeout === undefined) return DEFAULT_TIMEOUT;
  if (typeof timeout === 'number' && timeout > 0 && timeout <= MAX_TIMEOUT) return timeout;
  throw new NetmuxTypeError(`connect: timeout must be a number of seconds above 0, at most ${MAX_TIMEOUT}, not ${shown(timeout)}`);
}
