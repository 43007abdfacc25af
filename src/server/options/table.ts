import { DEFAULT_BACKLOG, MAX_INT32 } from '../../mux/listen-options.js';
import { MAX_PORT } from '../../mux/socket-options.js';
import { MUX_ROWS, type MuxServerOptions, type MuxServerSettings } from './mux-rows.js';
import type { OptionsOf, OptionTable, SettingsOf } from './option-row.js';
import { PERL_ROWS } from './perl-rows.js';

/** The port of a server that names none. (Net::Server default_port) */
const DEFAULT_PORT = 20_203;

/** More than a week: whoever needs longer has made a mistake in the unit. */
const MAX_SECONDS = 1_000_000;

/** Clients that wait for a name server or a hook cost a descriptor each; more of them than this are an attack. */
const MAX_PENDING_ADMISSIONS = 1024;

/** What a resolver takes for two name servers that do not answer, 5 s each. */
const ALLOW_DENY_SECONDS = 10;

/** For datagrams to a log daemon, and the socket of the local one. */
const SYSLOG_PORT = 514;
const SYSLOG_PATH = '/dev/log';

const FACILITIES = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'] as const;
const LOCAL_FACILITIES = ['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'] as const;

function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value);
}

/** Net::Server, "Unsecure filename": what else could stand in a name is more likely an injected command than a file. */
function refusesFileName(value: unknown): string | undefined {
  return /^[\w./\\:-]*$/.test(String(value))
    ? undefined
    : `Unsecure filename ${JSON.stringify(value)}: only letters, digits and _ . / \\ : - may stand in it`;
}

function refusesLogFile(value: unknown): string | undefined {
  return value === 'Log::Log4perl' ? 'Log::Log4perl exists in Perl only; see log_function' : refusesFileName(value);
}

/** A level that is no plain number counts as the default, one above 4 as 4. (Net::Server) */
function repairLogLevel(value: unknown): number {
  return matches(/^\d+$/, typeof value === 'number' ? String(value) : value) ? 4 : 2;
}

const seconds = { type: 'number', least: 0, most: MAX_SECONDS, unit: 'seconds' } as const;

const PORT_ROWS = {
  port: {
    type: 'port',
    list: true,
    default: [DEFAULT_PORT],
    meaning:
      'what to listen on: PORT, HOST:PORT, HOST:PORT/udp, PATH|unix, with /IPv4 or /IPv6 behind it; port 0 is one that the kernel chooses',
  },
  host: {
    type: 'string',
    list: true,
    default: ['*'],
    meaning: 'the address of ports that name none, one for each port, the last for all others; * is all',
  },
  proto: {
    type: 'string',
    list: true,
    default: ['tcp'],
    meaning: 'the protocol of ports that name none, one for each port, the last for all others: tcp, udp, unix or unixdgram',
  },
  ipv: {
    type: 'family',
    list: true,
    otherwise: 'the environment variable IPV, else *',
    meaning: 'the address family of ports that name none, one for each port, the last for all others: 4, 6 or * for what there is',
  },
  listen: {
    type: 'integer',
    least: 0,
    most: MAX_INT32,
    default: DEFAULT_BACKLOG,
    meaning: 'length of the accept queue; the kernel may cap it',
  },
  reuse_port: { type: 'boolean', default: false, meaning: 'SO_REUSEPORT: several processes share the port' },
  udp_broadcast: { type: 'boolean', default: false, meaning: 'SO_BROADCAST on UDP sockets' },
  unix_type: {
    type: 'choice',
    choices: ['SOCK_STREAM', 'SOCK_DGRAM', 'sock_stream', 'sock_dgram'],
    default: 'SOCK_STREAM',
    meaning: 'the type of UNIX sockets that name none',
  },
  socket_mode: { type: 'mode', otherwise: 'by umask', meaning: 'the permissions of UNIX socket files' },
} as const satisfies OptionTable;

const CONNECTION_ROWS = {
  no_delay: { type: 'boolean', default: true, meaning: 'TCP_NODELAY on each connection' },
  keep_alive: { type: 'boolean', default: false, meaning: 'SO_KEEPALIVE on each connection' },
  no_client_stdout: {
    type: 'boolean',
    default: true,
    meaning: 'process.stdout.write and console.log stay what they are; if false, what they write in a callback goes to its client',
  },
  check_for_dequeue: { ...seconds, otherwise: 'never', meaning: 'how often run_dequeue is called; 0 is never' },
} as const satisfies OptionTable;

const ACCESS_ROWS = {
  allow: { type: 'pattern', list: true, default: [], meaning: 'who is admitted: the whole address, or name, has to match' },
  deny: { type: 'pattern', list: true, default: [], meaning: 'who is refused, whatever allow says; with deny alone everybody is refused' },
  cidr_allow: { type: 'cidr', list: true, default: [], meaning: 'address blocks that are admitted' },
  cidr_deny: { type: 'cidr', list: true, default: [], meaning: 'address blocks that are refused, whatever allow and cidr_allow say' },
  reverse_lookups: {
    type: 'lookups',
    default: false,
    range: "true, false, 'unverified', or 'double' and words of double_reverse_lookups",
    allows: (value) => typeof value === 'boolean' || matches(/^(unverified|(double|2)(\W*(detail|autofail|debug))*)$/, value),
    meaning:
      'whether the names of clients are asked for; a name counts for allow only if it has the address, unless this is unverified; double sets double_reverse_lookups',
  },
  double_reverse_lookups: {
    type: 'lookups',
    default: false,
    range: 'true, false, or words out of detail, autofail and debug',
    allows: (value) => typeof value === 'boolean' || matches(/^\W*(detail|autofail|debug)(\W+(detail|autofail|debug))*$/, value),
    meaning: 'whether clients whose name does not have their address are refused; implies reverse_lookups',
  },
  allow_deny_timeout: {
    ...seconds,
    default: ALLOW_DENY_SECONDS,
    meaning: 'how long look-ups, post_accept_hook and allow_deny_hook may take for one client, who is then refused',
  },
  max_pending_admissions: {
    type: 'integer',
    least: 1,
    most: MAX_INT32,
    unit: 'connections',
    default: MAX_PENDING_ADMISSIONS,
    meaning: 'how many clients may wait for the end of a look-up or hook at a time; more are refused',
  },
} as const satisfies OptionTable;

const LOG_ROWS = {
  log_level: {
    type: 'integer',
    least: 0,
    most: 4,
    default: 2,
    repair: repairLogLevel,
    meaning: '0 nothing at all, 1 errors and warnings, 2 notices, 3 connections, 4 everything',
  },
  log_file: {
    type: 'path',
    default: '',
    otherwise: 'stderr',
    range: 'a file name, or Sys::Syslog',
    refuses: refusesLogFile,
    meaning: 'the file for log lines, opened to append, and again on SIGUSR1; Sys::Syslog is the system log',
  },
  log_format: {
    type: 'choice',
    choices: ['classic', 'text', 'json'],
    default: 'classic',
    meaning: 'classic: lines as Net::Server writes them; text: with time and level; json: one object a line',
  },
  log_function: {
    type: 'logger',
    meaning: 'gets the lines in place of a file: a function (level, text), the name of a method of the server, or a pino logger',
  },
  syslog_logsock: {
    type: 'choice',
    choices: ['', 'native', 'unix', 'stream', 'udp', 'inet'],
    default: '',
    otherwise: 'udp if syslog_host is given, else unix',
    meaning: 'how the system log is reached: native, unix and stream by syslog_path, udp and inet by syslog_host and syslog_port',
  },
  syslog_path: { type: 'path', default: SYSLOG_PATH, meaning: 'the socket of the local log daemon' },
  syslog_host: { type: 'string', otherwise: 'localhost', meaning: 'the host of a log daemon that receives datagrams' },
  syslog_port: { type: 'integer', least: 1, most: MAX_PORT, default: SYSLOG_PORT, meaning: 'its port' },
  syslog_format: {
    type: 'choice',
    choices: ['rfc3164', 'rfc5424'],
    default: 'rfc3164',
    meaning: 'the form of the messages: rfc3164 is understood by all, rfc5424 has the year, the zone and fractions of seconds',
  },
  syslog_ident: { type: 'string', default: 'net_server', meaning: 'the name of the program in the system log' },
  syslog_logopt: {
    type: 'string',
    default: 'pid,nofatal',
    range: 'words out of cons, ndelay, nofatal, nowait and pid, separated by | or ,',
    allows: (value) => matches(/^((cons|ndelay|nofatal|nowait|pid)([|,]\s*(cons|ndelay|nofatal|nowait|pid))*)?$/, value),
    meaning: 'pid: the process id is part of each line; without nofatal a daemon that is not there is an error',
  },
  syslog_facility: {
    type: 'choice',
    choices: [...FACILITIES, ...LOCAL_FACILITIES],
    default: 'daemon',
    meaning: 'the facility in the system log',
  },
} as const satisfies OptionTable;

const DAEMON_ROWS = {
  background: {
    type: 'boolean',
    default: false,
    meaning: 'whether the server runs in the background; the command ends when it is ready to serve',
  },
  setsid: { type: 'boolean', default: false, meaning: 'as background, in a session of its own' },
  pid_file: { type: 'path', meaning: 'the file that gets the process id, locked while the server runs' },
  user: { type: 'string', otherwise: 'the current one', meaning: 'name or number of the user to become once everything is bound' },
  group: {
    type: 'string',
    otherwise: 'the current one',
    meaning: 'names or numbers of groups, separated by blanks or commas; the first is the main one',
  },
  chroot: { type: 'path', meaning: 'the folder that becomes the root of the file system' },
  chdir: { type: 'path', otherwise: 'unchanged, / after chroot', meaning: 'the working directory' },
  umask: { type: 'mode', otherwise: 'unchanged', meaning: 'the permissions that new files do not get' },
  chown_files: {
    type: 'path',
    list: true,
    default: [],
    meaning: 'more files to be given to user and group, as log, pid file and sockets are',
  },
  no_exit_on_close: { type: 'boolean', default: false, meaning: 'whether server_close leaves out its last step, server_exit' },
} as const satisfies OptionTable;

const SIGNAL_ROWS = {
  handle_signals: {
    type: 'boolean',
    default: false,
    meaning: 'whether TERM, INT and QUIT end the server, HUP restarts it, and USR1 opens the log again; false: signals are left alone',
  },
  drain_rate: {
    type: 'number',
    least: 0,
    most: MAX_INT32,
    unit: 'connections per second',
    default: 0,
    meaning: 'how many connections are closed a second when the server ends; 0 is all at once',
  },
  restart_drain_timeout: { ...seconds, default: 1, meaning: 'how long a restart waits for connections that are still busy' },
} as const satisfies OptionTable;

const SOURCE_ROWS = {
  conf_file: { type: 'path', refuses: refusesFileName, meaning: 'a file with options, one NAME VALUE a line' },
  ignore_unknown: { type: 'boolean', default: false, meaning: 'whether options that nobody knows are passed over' },
} as const satisfies OptionTable;

/** Headings in the order of the documentation. */
const GROUPS = {
  Ports: PORT_ROWS,
  Connections: { ...MUX_ROWS, ...CONNECTION_ROWS },
  Access: ACCESS_ROWS,
  Log: LOG_ROWS,
  Daemon: DAEMON_ROWS,
  'Signals and the end': SIGNAL_ROWS,
  'Where options come from': SOURCE_ROWS,
  'Perl only': PERL_ROWS,
} as const satisfies Record<string, OptionTable>;

type OwnRows = typeof PORT_ROWS &
  typeof CONNECTION_ROWS &
  typeof ACCESS_ROWS &
  typeof LOG_ROWS &
  typeof DAEMON_ROWS &
  typeof SIGNAL_ROWS &
  typeof SOURCE_ROWS;

/** The one table of the options of a server: checks, command-line help and docs/options.md are made from it. */
export const SERVER_OPTIONS: OptionTable = Object.fromEntries(
  Object.entries(GROUPS).flatMap(([group, rows]) =>
    Object.entries<OptionTable[string]>(rows).map(([name, row]) => [name, { group, ...row }]),
  ),
);

/** What a program may pass for each option; `ServerOptions` has them with what they mean. */
export type OptionValues = Required<OptionsOf<OwnRows> & MuxServerOptions>;

/** The options once all sources were read and checked. */
export interface ServerSettings extends SettingsOf<OwnRows>, MuxServerSettings {}
