import { isIP } from 'node:net';

/*
 * A port string, e.g. `localhost:8000-8010/tcp/IPv4`, `[::1]:http`, `/run/chat.sock|unix`. It is read from its end: what a part says
 * is cut off, and the rest is host and port, a port, or a path. The parts stand in any order that the original permits:
 *
 *     [host SEP] port {SEP mark}       mark = tcp | udp | unix | unixdgram | … | IPv4 | IPv6 | IPv* | sock_stream | sock_dgram
 *     path {SEP mark}                  SEP  = any of  , | : /  and blanks, one or more
 *
 * `/` before a final word is the hard one. After a number, or after host and port, the word is a protocol (`20203/MyTcp`); after
 * anything else it is the port of a host (`127.0.0.1/20203`, `localhost/http`).
 */

/** What a port string says by itself. `host` keeps its brackets. */
export interface PortText {
  readonly port: string;
  readonly host?: string;
  readonly proto?: string;
  /** `4`, `6`, `*`, or both marks one after the other; '' where it has none. */
  readonly families: string;
  readonly socketType?: SocketType;
}

export type SocketType = 'sock_stream' | 'sock_dgram';

const SOCKET_TYPE = /[,|\s/:]+(sock_stream|sock_dgram)(?=$|[,|\s/:])/i;
const FAMILY = /[,|\s/:]+IPv([46*])(?=$|[,|\s/:])/gi;
const PROTO = /[,|\s/:]+(tcp|udp|ssl|ssleay|unix|unixdgram|[a-z_]\w*(?:::\w+)+)$/i;

/** The first run of separators that only one word follows. The word may be the name of a service, or a range. */
const HOST_AND_PORT = /^(.*?)[,|\s:/]+([\w-]+)$/s;

const HAS_PORT = /[,|\s:][\w-]+$/;

/** What can only be the path of a UNIX socket. */
const PATH = /^(?:\.{0,2}\/|@)/;

export function isPath(text: string): boolean {
  return PATH.test(text);
}

export function isUnix(proto: string | undefined): boolean {
  return proto !== undefined && /^unix(?:dgram)?$/i.test(proto);
}

/**
 * @param defaultProto the protocol of a string that names none; a UNIX one makes the whole string a path
 */
export function readPortText(text: string, defaultProto: string): PortText {
  const marks = cutFamilies(text.trim());
  const [withoutType, type] = cut(marks.rest, SOCKET_TYPE);
  const [rest, ownProto] = cut(withoutType, PROTO);
  const found = {
    families: marks.families,
    ...(type === undefined ? {} : { socketType: type.toLowerCase() as SocketType }),
    ...(ownProto === undefined ? {} : { proto: ownProto }),
  };
  if (isUnix(ownProto ?? defaultProto) || isPath(rest)) return { ...found, port: rest };
  const parts = HOST_AND_PORT.exec(rest);
  if (parts === null) return { ...found, port: rest };
  const legacy = ownProto === undefined ? /^(.*)\/(\w+)$/s.exec(rest) : null;
  if (legacy !== null && isPortBefore(legacy[1]!, legacy[2]!)) {
    return { ...readPortText(legacy[1]!, defaultProto), ...found, proto: legacy[2]! };
  }
  return { ...found, host: parts[1]!, port: parts[2]! };
}

/** Takes the `IPv4`, `IPv6` and `IPv*` out of a port, a host or a protocol. */
export function cutFamilies(text: string): { rest: string; families: string } {
  let families = '';
  const rest = text.replace(FAMILY, (_mark, family: string) => {
    families += family;
    return '';
  });
  return { rest, families };
}

function cut(text: string, part: RegExp): [rest: string, found: string | undefined] {
  const match = part.exec(text);
  return match === null ? [text, undefined] : [text.slice(0, match.index) + text.slice(match.index + match[0].length), match[1]];
}

/** Whether `left` of `left/word` has the port already, so that the word is a protocol. */
function isPortBefore(left: string, word: string): boolean {
  if (/^\d+$/.test(word)) return false;
  return /^\d+$/.test(left) || (isIP(left) === 0 && HAS_PORT.test(left));
}
