import { NetmuxError } from '../errors.js';
import { MAX_PATH_BYTES, MAX_PORT } from '../mux/socket-options.js';
import type { IpFamily, SocketSettings } from './bind-spec.js';
import { cutFamilies, isPath, isUnix, readPortText, type SocketType } from './port-grammar.js';

/** The port of a server that names none, as in Net::Server. */
export const DEFAULT_PORT = 20_203;

type Flag = boolean | number | string;

/** One port as an object. Its `port` is a number, the name of a service, a range (`8000-8010`) or a path, and nothing else. */
export interface PortObject {
  readonly port: number | string;
  readonly host?: string;
  /** `tcp`, `udp`, `unix` or `unixdgram`. */
  readonly proto?: string;
  /** `4`, `6` or `*`; both numbers = a socket of each family. */
  readonly ipv?: number | string;
  /** Length of the accept queue. */
  readonly listen?: number | string;
  /** `sock_stream` or `sock_dgram`, for `unix`. */
  readonly unix_type?: string;
  /** SO_BROADCAST. */
  readonly udp_broadcast?: Flag;
  /** Mode of the socket file: a number, or octal digits as text. */
  readonly mode?: number | string;
  /** SO_REUSEPORT. */
  readonly reuse_port?: Flag;
  /** TCP_NODELAY on each connection. */
  readonly no_delay?: Flag;
  /** SO_KEEPALIVE on each connection. */
  readonly keep_alive?: Flag;
}

/** The option `port` or one of its list: a number, a text as on the command line, or an object. */
export type PortOption = number | string | PortObject;

type OneOrMore<Value> = Value | readonly Value[];

type Defaults = { readonly [Name in Exclude<keyof PortObject, 'port' | 'host' | 'proto' | 'ipv'>]?: PortObject[Name] | undefined };

/**
 * The options of a server that say where it listens. Of the lists `host`, `proto` and `ipv` each port takes the entry of its own
 * index, and the last one where they are shorter. The others are defaults for ports that do not set them.
 */
export interface PortSettings extends Defaults {
  readonly port?: OneOrMore<PortOption> | undefined;
  readonly host?: OneOrMore<string> | undefined;
  readonly proto?: OneOrMore<string> | undefined;
  readonly ipv?: OneOrMore<number | string> | undefined;
}

/** One port as configured: read, but not yet compared with what this machine has. */
export interface PortSpec {
  /** A name, an address without brackets, or `*`. */
  readonly host: string;
  /** Digits, the name of a service, or a path. */
  readonly port: string;
  /** Lower case. */
  readonly proto: string;
  readonly ipv: IpFamily;
  readonly socket: SocketSettings;
}

/** As in the original: these can be handed on to the program after a restart, whose list of sockets is text. */
const SECURE_PATH = /^@?[\w.\-*/]+$/;

/** Also a zone (`fe80::1%eth0`), which the original does not know. */
const HOST = /^(?:\[([\w.:%-]*|\*)\]|([\w.:%-]*|\*))$/;

const OBJECT_KEYS: readonly string[] = [
  ...['port', 'host', 'proto', 'ipv', 'listen', 'unix_type', 'udp_broadcast', 'mode', 'reuse_port', 'no_delay', 'keep_alive'],
  // Without effect in the original, too: a datagram always comes whole.
  ...['udp_recv_len', 'udp_recv_flags'],
];

/**
 * Reads the options `port`, `host`, `proto`, `ipv` and their company (`Net::Server` port configuration). A port of both families
 * becomes two, IPv6 first; a range becomes one for each number.
 *
 * @param environment `IPV` is the family where nothing else names one
 * @throws NetmuxError `NETMUX_BAD_PORT`
 */
export function parsePorts(settings: PortSettings, environment: NodeJS.ProcessEnv = process.env): PortSpec[] {
  const ports = listOf<PortOption>(settings.port);
  const [hosts, protos, families] = [listOf(settings.host), listOf(settings.proto), listOf(settings.ipv)];
  const specs = ports.flatMap((port, index) => {
    const at = <Value>(list: readonly Value[]) => list[Math.min(index, list.length - 1)];
    return specsOf(portObject(port, at(protos) ?? 'tcp'), {
      ...settings,
      host: at(hosts) ?? '*',
      proto: at(protos) ?? 'tcp',
      ipv: String(at(families) ?? '') || environment.IPV || '*',
    });
  });
  if (specs.length === 0) throw badPort('No valid socket parameters found');
  return specs;
}

function listOf<Value>(given: OneOrMore<Value> | undefined): readonly Value[] {
  if (given === undefined) return [];
  return Array.isArray(given) ? given : [given as Value];
}

/** A port in any of its forms as an object, its families as a list of digits. */
function portObject(port: unknown, defaultProto: string): PortObject {
  if (typeof port === 'number' || typeof port === 'string') {
    const { families, socketType, ...found } = readPortText(String(port), defaultProto);
    return { ...found, ...(families === '' ? {} : { ipv: families }), ...(socketType === undefined ? {} : { unix_type: socketType }) };
  }
  if (typeof port !== 'object' || port === null || Array.isArray(port)) {
    throw badPort(`option port: an entry is a number, a string or an object, not ${JSON.stringify(port) ?? String(port)}`);
  }
  const given = port as Record<string, unknown>;
  const unknown = Object.keys(given).find((key) => !OBJECT_KEYS.includes(key) && !key.startsWith('SSL_'));
  if (unknown !== undefined) throw badPort(`option port: unknown key ${unknown} in an object; known are ${OBJECT_KEYS.join(', ')}`);
  for (const key of ['port', 'host', 'proto', 'ipv'] as const) {
    const value = given[key];
    if (typeof value === 'string' || typeof value === 'number') continue;
    if (key === 'port' || value !== undefined) throw badPort(`option port: an object needs ${key} as a string or a number`);
  }
  return port as PortObject;
}

function specsOf(
  port: PortObject,
  defaults: Defaults & { readonly host: string; readonly proto: string; readonly ipv: string },
): PortSpec[] {
  const text = String(port.port).trim() || '0';
  const host = cutFamilies(String(port.host ?? defaults.host));
  const proto = cutFamilies(String(port.proto ?? (isPath(text) && !isUnix(defaults.proto) ? 'unix' : defaults.proto)));
  const settings = { ...defaults, ...port };
  const kind = protocol(proto.rest, port.unix_type, defaults.unix_type);
  const socket = socketSettings(settings, kind);
  if (isUnix(kind)) return [{ host: '*', port: path(text), proto: kind, ipv: '*', socket }];
  const name = hostName(host.rest);
  const families = familiesOf(name, String(port.ipv ?? '') || host.families || proto.families || defaults.ipv);
  return numbers(name, text).flatMap((number) => families.map((ipv) => ({ host: name, port: number, proto: kind, ipv, socket })));
}

function protocol(name: string, ownType: string | undefined, defaultType: string | undefined): string {
  const kind = name.toLowerCase();
  if (!isUnix(kind)) {
    if (ownType !== undefined) throw badPort(`option port: ${ownType} is for UNIX sockets, not for ${name}`);
    return PROTOCOL_LIKE.test(name) ? kind : name;
  }
  const type = (ownType ?? defaultType)?.toLowerCase() as SocketType | undefined;
  if (type !== undefined && type !== 'sock_stream' && type !== 'sock_dgram') {
    throw badPort(`option unix_type: sock_stream or sock_dgram, not ${type}`);
  }
  return type === 'sock_dgram' ? 'unixdgram' : kind;
}

/** The names that the original compares without regard to case. */
const PROTOCOL_LIKE = /^(?:tcp|udp|ssl|ssleay)$/i;

function path(text: string): string {
  if (!SECURE_PATH.test(text)) throw badPort(`Insecure filename "${text}"`);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_PATH_BYTES) throw badPort(`option port: the path of a UNIX socket has at most ${MAX_PATH_BYTES} bytes: ${text}`);
  return text;
}

function hostName(text: string): string {
  const match = HOST.exec(text.trim());
  if (match === null) throw badPort(`Could not determine host from "${text}"`);
  return match[1] || match[2] || '*';
}

function familiesOf(host: string, wanted: string): IpFamily[] {
  const [six, four] = [wanted.includes('6'), wanted.includes('4')];
  if (!six && !four && !wanted.includes('*')) throw badPort(`option ipv: 4, 6 or *, not "${wanted}"`);
  if (wanted.includes('*')) return ['*'];
  if (host.includes(':')) return ['6'];
  return [...(six ? (['6'] as const) : []), ...(four ? (['4'] as const) : [])];
}

/** A range as its numbers, all else as it is. */
function numbers(host: string, text: string): string[] {
  const range = /^(\d+)-(\d+)$/.exec(text);
  if (range === null) {
    if (/^\d+$/.test(text) && Number(text) > MAX_PORT) throw noNumber(host, text, `ports are 0 to ${MAX_PORT}`);
    return [text];
  }
  const [first, last] = [Number(range[1]), Number(range[2])];
  if (first < 1 || last > MAX_PORT || first > last) throw noNumber(host, text, `a range rises, from 1 to at most ${MAX_PORT}`);
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}

function socketSettings(given: Defaults, proto: string): SocketSettings {
  const isDatagram = proto === 'udp' || proto === 'unixdgram';
  return {
    ...(given.listen === undefined ? {} : { backlog: count('listen', given.listen) }),
    ...(given.no_delay === undefined || isDatagram ? {} : { noDelay: flag('no_delay', given.no_delay) }),
    ...(given.keep_alive === undefined || isDatagram ? {} : { keepAlive: flag('keep_alive', given.keep_alive) }),
    ...(given.reuse_port === undefined || isUnix(proto) ? {} : { reusePort: flag('reuse_port', given.reuse_port) }),
    ...(given.udp_broadcast === undefined || proto !== 'udp' ? {} : { broadcast: flag('udp_broadcast', given.udp_broadcast) }),
    ...(given.mode === undefined || !isUnix(proto) ? {} : { mode: fileMode(given.mode) }),
  };
}

/** The kernel caps the queue much lower; the limit is that of its parameter. */
const MAX_BACKLOG = 2 ** 31 - 1;

function count(name: string, value: unknown): number {
  const number = /^\d+$/.test(String(value)) ? Number(value) : Number.NaN;
  if (number <= MAX_BACKLOG) return number;
  throw badPort(`option ${name}: a whole number from 0 to ${MAX_BACKLOG}, not ${String(value)}`);
}

/** As Perl sees truth in a text, since that is what a configuration file has. */
function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  if (value === 1 || value === '1') return true;
  if (value === 0 || value === '0' || value === '') return false;
  throw badPort(`option ${name}: 1 or 0, not ${String(value)}`);
}

function fileMode(value: unknown): number {
  const mode = typeof value === 'string' && /^[0-7]+$/.test(value) ? Number.parseInt(value, 8) : value;
  if (typeof mode === 'number' && Number.isInteger(mode) && mode >= 0 && mode <= 0o7777) return mode;
  throw badPort(`option mode: octal digits from 0 to 7777, not ${String(value)}`);
}

/** The error of a port that is no number and does not become one. */
export function noNumber(host: string, port: string, reason?: string): NetmuxError {
  return badPort(`Could not determine port number from host [${host}]:${port}${reason === undefined ? '' : `: ${reason}`}`);
}

export function badPort(text: string, cause?: unknown): NetmuxError {
  return new NetmuxError('NETMUX_BAD_PORT', text, cause === undefined ? undefined : { cause });
}
