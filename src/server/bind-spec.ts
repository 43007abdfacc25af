import { getSystemErrorMap } from 'node:util';
import type { ListenPathOptions, ListenPortOptions } from '../mux/listen-options.js';

/** In the place of a protocol. */
const ACTIVATED = 'ACTIVATED';

export type Protocol = 'tcp' | 'udp' | 'unix' | 'unixdgram';

export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'unix', 'unixdgram'];

/** `*` is either family; UNIX sockets have no other. */
export type IpFamily = '4' | '6' | '*';

/** What a port may set beyond its address, in the words of `mux.listen`. */
export type SocketSettings = Pick<ListenPortOptions, 'backlog' | 'noDelay' | 'keepAlive' | 'reusePort' | 'broadcast'> &
  Pick<ListenPathOptions, 'mode'>;

/** One socket to be bound: what a configured port came to on this machine. */
export interface BindSpec {
  readonly proto: Protocol;
  /** As it is logged and handed on at a restart: an address, or, where the family was configured, the name or `*` that stood there. */
  readonly host: string;
  readonly ipv: IpFamily;
  /** 0 = the kernel chooses; 0 also with a path. */
  readonly port: number;
  /** The configured name of the port, where the family was configured, too. */
  readonly service?: string;
  /** Of a UNIX socket; `@name` is the abstract name. */
  readonly path?: string;
  /** Another socket of the same port serves IPv4. */
  readonly ipv6Only?: true;
  readonly socket: SocketSettings;
}

/** The port as configured: a number, the name of a service, or a path. */
export function portText(spec: BindSpec): string {
  return spec.path ?? spec.service ?? String(spec.port);
}

/**
 * What tells one configured socket from another, in the original's form: `host|port|TCP|ipv4`, `*|path|UNIX|*`.
 * Only sockets of port 0 may share one.
 */
export function socketKey(spec: BindSpec): string {
  return `${spec.host}|${portText(spec)}|${spec.proto.toUpperCase()}|${familyField(spec)}`;
}

/** A socket that the program before a restart left open. */
export interface InheritedEntry {
  readonly fd: number;
  /** What `socketKey` says of the configuration that it belongs to. */
  readonly key: string;
  /** The number it is bound to, or its path. */
  readonly port: string;
}

/**
 * One entry of the environment variable `BOUND_SOCKETS`, which are joined by `; `.
 *
 * @param port the number that the socket is bound to; of no interest for a UNIX socket
 */
export function boundSocketEntry(fd: number, spec: BindSpec, port: number): string {
  const configured = portText(spec);
  const bound = spec.path ?? String(port);
  const entry = `${fd}|${spec.host}|${bound}|${spec.proto.toUpperCase()}|${familyField(spec)}`;
  return bound === configured ? entry : `${entry}|${configured}`;
}

/** The same for a socket that a service manager has opened: instead of a configuration it has a name. */
export function activatedEntry(fd: number, name: string): string {
  return `${fd}|*|${Buffer.from(name).toString('base64url')}|${ACTIVATED}|*`;
}

/** The name behind such an entry; undefined for others. */
export function activatedName({ key, port }: InheritedEntry): string | undefined {
  return key === `*|${port}|${ACTIVATED}|*` ? Buffer.from(port, 'base64url').toString() : undefined;
}

/** Reads `BOUND_SOCKETS`. What has not its form is no entry: the variable may be anybody's. */
export function parseBoundSockets(text: string): InheritedEntry[] {
  return text.split(/;\s*/).flatMap((entry) => {
    const [fd, host, port, proto, family, configured, ...rest] = entry.trim().split('|');
    if (fd === undefined || !/^\d{1,9}$/.test(fd) || !host || !port || !proto || !family || rest.length > 0) return [];
    return [{ fd: Number(fd), key: `${host}|${configured ?? port}|${proto}|${family}`, port }];
  });
}

/** The log line before binding. */
export function bindingText(spec: BindSpec): string {
  const kind = spec.proto.toUpperCase();
  if (spec.path !== undefined) return `Binding to ${kind} socket file "${spec.path}"`;
  return `Binding to ${kind} port ${portText(spec)} on host ${spec.host} with IPv${spec.ipv}`;
}

/** The log line after binding, where the number was not configured as a number. */
export function boundText(spec: BindSpec, port: number): string | undefined {
  if (spec.path !== undefined || portText(spec) === String(port)) return undefined;
  return spec.service === undefined ? `  Bound to auto-assigned port ${port}` : `  Bound to service port ${spec.service}(${port})`;
}

/** The text of the fatal error of a socket that cannot be bound, the kernel's reason in brackets. */
export function bindFailureText(spec: BindSpec, error: Error): string {
  const kind = spec.proto.toUpperCase();
  const reason = `[${reasonOf(error)}]`;
  if (spec.path !== undefined) return `Can't connect to ${kind} socket at file ${spec.path} ${reason}`;
  return `Can't connect to ${kind} port ${portText(spec)} on ${spec.host} ${reason}`;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const known = error.errno === undefined ? undefined : getSystemErrorMap().get(error.errno)?.[1];
  return known === undefined ? error.message : known.charAt(0).toUpperCase() + known.slice(1);
}

function familyField(spec: BindSpec): string {
  return spec.path === undefined ? `ipv${spec.ipv}` : '*';
}
