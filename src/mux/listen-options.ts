import { DEFAULT_BACKLOG, type SocketOptions } from '../engine/engine.js';
import { NetmuxTypeError, shown } from '../errors.js';
import type { OwnLimits } from './limits.js';
import { MUX_OPTIONS } from './options.js';
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

export { DEFAULT_BACKLOG };

export const MAX_INT32 = 2 ** 31 - 1;

interface SharedListenOptions {
  /** Length of the accept queue; the kernel may cap it. Default 4096. */
  readonly backlog?: number;
  /** TCP_NODELAY on each connection. Default true: output is coalesced here already. */
  readonly noDelay?: boolean;
  /** SO_KEEPALIVE on each connection. Default: the option of the multiplexer, which is false. */
  readonly keepAlive?: boolean;
  /** Connections of this listener at a time; 0 = unlimited. Default: `maxConnectionsPerListener` of the multiplexer. */
  readonly maxConnections?: number;
  /** Connections that this listener accepts per second; 0 = unlimited, the default. */
  readonly acceptRate?: number;
  /** Connections that this listener accepts at once before `acceptRate` holds; 0, the default = those of one second. */
  readonly acceptBurst?: number;
}

/** A TCP or UDP port. */
export interface ListenPortOptions extends SharedListenOptions {
  /** 0 to 65,535; 0 = the kernel chooses one, see `localPort`. */
  readonly port: number;
  /** A name or an address; `*`, the default, is all of IPv6 and IPv4. */
  readonly host?: string;
  /** 'tcp' (default) or 'udp'. */
  readonly proto?: 'tcp' | 'udp';
  /** An IPv6 socket does not serve IPv4. Default false. */
  readonly ipv6Only?: boolean;
  /** SO_REUSEPORT: several processes share the port. Default false. Native engine, else NETMUX_NOT_ON_THIS_ENGINE. */
  readonly reusePort?: boolean;
  /** SO_BROADCAST on a UDP socket. Default false. */
  readonly broadcast?: boolean;
  /** Not with a port. */
  readonly path?: never;
  /** Not with a port. */
  readonly fd?: never;
}

/** A UNIX socket. A path that begins with a NUL is an abstract name (Linux). A stale socket file is replaced. */
export interface ListenPathOptions extends SharedListenOptions {
  /** At most 107 bytes. What is there and no socket is left alone: NETMUX_PATH_IN_USE. */
  readonly path: string;
  /** Mode of the socket file, e.g. 0o660. Default: by umask. */
  readonly mode?: number;
  /** 'unix' (default) is a stream, 'unixdgram' a datagram socket (native engine, else NETMUX_NOT_ON_THIS_ENGINE). */
  readonly proto?: 'unix' | 'unixdgram';
  /** Not with a path. */
  readonly port?: never;
  /** Not with a path: `ListenDescriptorOptions` has both. */
  readonly fd?: never;
}

/** A socket that is bound and listening already. The file it may be bound to stays when it is closed, unless `path` names it. */
export interface ListenDescriptorOptions extends SharedListenOptions {
  /** Its number, as a parent process or service manager hands it over. A datagram socket needs the native engine. */
  readonly fd: number;
  /** The path of a UNIX socket whose file is to be removed with the listener. */
  readonly path?: string;
}

/** What `mux.listen` listens on: a port, a path or a descriptor, never two of them. */
export type ListenOptions = ListenPortOptions | ListenPathOptions | ListenDescriptorOptions;

/** What is to be bound, checked. */
export type ListenPlan = { readonly socket: SocketOptions; readonly limits: OwnLimits; readonly isDatagram: boolean } & (
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number; readonly path?: string }
);

const SHARED = ['backlog', 'noDelay', 'keepAlive', 'maxConnections', 'acceptRate', 'acceptBurst'] as const;
const PORT_OPTIONS = ['port', 'host', 'proto', 'ipv6Only', 'reusePort', 'broadcast', ...SHARED];
const PATH_OPTIONS = ['path', 'mode', 'proto', ...SHARED];
const DESCRIPTOR_OPTIONS = ['fd', 'path', ...SHARED];

/**
 * @param defaults of the mux
 * @throws NetmuxTypeError naming the option
 */
export function planListening(options: ListenOptions, defaults: SocketOptions): ListenPlan {
  const given = checkedObject('listen', options);
  checkedOneOf('listen', given, given.fd === undefined ? ['port', 'path', 'fd'] : ['port', 'fd']); // beside fd a path says what to remove
  const socket = socketOptions(given, defaults);
  const limits = ownLimits(given);
  if (given.fd !== undefined) {
    checkedNames('listen', given, DESCRIPTOR_OPTIONS);
    const fd = checkedInteger('listen', 'fd', given.fd, 0, MAX_INT32);
    if (given.path === undefined) return { fd, socket, limits, isDatagram: false };
    const path = checkedPath('listen', given.path);
    return { fd, path, socket: { ...socket, path }, limits, isDatagram: false };
  }
  if (given.path !== undefined) {
    checkedNames('listen', given, PATH_OPTIONS);
    return { path: checkedPath('listen', given.path), socket, limits, isDatagram: isDatagram(given.proto, 'unix', 'unixdgram') };
  }
  checkedNames('listen', given, PORT_OPTIONS);
  return {
    port: checkedInteger('listen', 'port', given.port, 0, MAX_PORT),
    host: given.host === undefined ? '*' : checkedHost('listen', given.host),
    socket,
    limits,
    isDatagram: isDatagram(given.proto, 'tcp', 'udp'),
  };
}

function isDatagram(proto: unknown, stream: string, datagram: string): boolean {
  if (proto === undefined || proto === stream) return false;
  if (proto === datagram) return true;
  throw new NetmuxTypeError(`listen: proto must be '${stream}' or '${datagram}' here, not ${shown(proto)}`);
}

/** The limits of one listener. They have the ranges of those of the multiplexer. */
function ownLimits(given: Record<string, unknown>): OwnLimits {
  const rows = { maxConnections: MUX_OPTIONS.maxConnections, acceptRate: MUX_OPTIONS.acceptRate, acceptBurst: MUX_OPTIONS.acceptBurst };
  for (const [name, row] of Object.entries(rows)) {
    const value = given[name];
    if (value !== undefined && !row.allows(value)) throw new NetmuxTypeError(`listen: ${name} must be ${row.range}, not ${shown(value)}`);
  }
  const { maxConnections, acceptRate, acceptBurst } = given as OwnLimits;
  return {
    ...(maxConnections !== undefined && { maxConnections }),
    ...(acceptRate && { acceptRate }),
    ...(acceptBurst && { acceptBurst }),
  };
}

function socketOptions(given: Record<string, unknown>, defaults: SocketOptions): SocketOptions {
  const flags: { -readonly [Name in keyof SocketOptions]: SocketOptions[Name] } = { ...defaults, backlog: DEFAULT_BACKLOG };
  for (const name of ['noDelay', 'keepAlive', 'ipv6Only', 'reusePort', 'broadcast'] as const) {
    if (given[name] !== undefined) flags[name] = checkedBoolean('listen', name, given[name]);
  }
  if (given.backlog !== undefined) flags.backlog = checkedInteger('listen', 'backlog', given.backlog, 0, MAX_INT32);
  if (given.mode !== undefined) flags.mode = checkedInteger('listen', 'mode', given.mode, 0, 0o7777);
  return flags;
}
