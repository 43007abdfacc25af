import { peerText } from './escape.js';

/** rsyslog and journald expect RFC 3164 on their local sockets unless they are told otherwise; over the network all understand both. */
export type SyslogFormat = 'rfc3164' | 'rfc5424';

/** The numbers of RFC 5424, table 1. */
const FACILITIES: Readonly<Record<string, number>> = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  ...Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`local${index}`, 16 + index])),
};

/** Log level → severity of RFC 5424, table 2: error, warning, notice, informational, debug. */
const SEVERITY = [3, 4, 5, 6, 7] as const;
const DEBUG = 7;

/** What RFC 3164 (section 4.1) and RFC 5424 (section 6.1) ask each receiver to take; local daemons take 8 KiB (rsyslog, journald). */
const MAX_BYTES = { rfc3164: 1024, rfc5424: 2048, local: 8192 } as const;

/** RFC 5424, section 6.2.5. */
const MAX_NAME = 48;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

export interface SyslogHeader {
  readonly format: SyslogFormat;
  readonly facility: string;
  /** The name of the program. */
  readonly ident: string;
  /** Shown behind the name where given. */
  readonly pid: number | undefined;
  /** Of this machine. A message to the local daemon in RFC 3164's form has none: that daemon knows where it is. */
  readonly hostname: string | undefined;
}

/**
 * One datagram for a log daemon. Longer ones than a daemon takes are cut.
 * @param line printable ASCII, without a newline
 */
export function syslogMessage(header: SyslogHeader, level: number, line: string, date = new Date()): Buffer {
  const priority = FACILITIES[header.facility]! * 8 + (SEVERITY[level] ?? DEBUG);
  const bytes = Buffer.from(`<${priority}>${header.format === 'rfc5424' ? modern(header, line, date) : traditional(header, line, date)}`);
  return bytes.subarray(0, header.hostname === undefined ? MAX_BYTES.local : MAX_BYTES[header.format]);
}

/** `Oct  9 22:33:20 host ident[pid]: text`, in local time. A colon, blank or bracket in the name would end it. */
function traditional({ ident, pid, hostname }: SyslogHeader, line: string, date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const stamp = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${time}`;
  const host = hostname === undefined ? '' : ` ${word(hostname.split('.')[0]!)}`;
  return `${stamp}${host} ${word(ident).replace(/[:[\]]/g, '_')}${pid === undefined ? '' : `[${pid}]`}: ${line}`;
}

/** `1 2003-10-11T22:14:15.003Z host ident pid - - text`. */
function modern({ ident, pid, hostname }: SyslogHeader, line: string, date: Date): string {
  return `1 ${date.toISOString()} ${hostname === undefined ? '-' : word(hostname)} ${word(ident).slice(0, MAX_NAME)} ${pid ?? '-'} - - ${line}`;
}

function word(text: string): string {
  return peerText(text).replaceAll(' ', '_') || '-';
}
