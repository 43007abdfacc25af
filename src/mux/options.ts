import { type EngineWish, isEngine } from '../engine/select.js';
import { NetmuxTypeError, shown } from '../errors.js';
import { encodeBlock } from './cidr.js';
import type { Handle } from './handle.js';
import { unknownOption } from './socket-options.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Counters of bytes are int32 words that both sides of the contract see; a limit of 0 means this one. */
const MAX_LIMIT_BYTES = 2 ** 31 - 1;

/** Tables by slot end there. */
const MAX_CONNECTIONS = 2 ** 24;

/** More than any machine accepts. */
const MAX_ACCEPT_RATE = 1_000_000;

/** More than a week: whoever needs longer has made a mistake in the unit. */
const MAX_SECONDS = 1_000_000;

/** The kernel's own limits of its timers (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT). */
const MAX_KEEP_ALIVE_SECONDS = 32_767;
const MAX_KEEP_ALIVE_COUNT = 127;

/** The rest of the process waits meanwhile; who pauses longer gains nothing. */
const MAX_BUSY_POLL_MICROS = 1000;

/** They are looked through one by one when somebody is to be refused. */
const MAX_EXEMPT_BLOCKS = 1024;

/** What becomes of a connection whose output would exceed `maxOutbuffer`. */
export type OutbufferVerdict = 'close' | 'drop';

/** Options of a multiplexer; a server has them in snake case. */
export interface MuxOptions {
  /** Which engine carries the sockets. Default: the environment variable NETMUX_ENGINE, else 'auto', native where it loads.
   * Tests give one that is an object: `netmux/testing`. */
  readonly engine?: EngineWish;
  /** Bytes of unsent output per connection; 0 = unlimited. Default 16 MiB. */
  readonly maxOutbuffer?: number;
  /** What a write over `maxOutbuffer` does: 'close' the connection (default), 'drop' the write, or what the function says. */
  readonly outbufferPolicy?: OutbufferVerdict | ((fh: Handle, bytes: number) => OutbufferVerdict);
  /** Bytes of input that callbacks leave unconsumed, per connection; past it the connection is closed. 0 = unlimited. Default 16 MiB. */
  readonly maxInbuffer?: number;
  /**
   * Bytes of unsent output and unread input of all connections together; past it those with most of it are closed. 0 = unlimited, the
   * default.
   */
  readonly maxBuffered?: number;
  /** Bytes of unsent output above which `fh.write` returns false. Default 64 KiB. */
  readonly highWaterMark?: number;
  /** Bytes of one read, and so of one `mux_input` at most: 1 to 65,536, the default. */
  readonly readSize?: number;
  /** A connection stays open for writing after the peer's end, until the application ends it. Default false. */
  readonly allowHalfOpen?: boolean;
  /** Accepted connections at a time; 0 = unlimited, the default. `docs/limits.md` has these limits together. */
  readonly maxConnections?: number;
  /** Connections from one IPv4 address or IPv6 /64 at a time; 0 = unlimited, the default. */
  readonly maxConnectionsPerAddress?: number;
  /** Connections from one IPv4 /24 or IPv6 /48 at a time; 0 = unlimited, the default. */
  readonly maxConnectionsPerNetwork?: number;
  /** Connections of one listener at a time; 0 = unlimited, the default. `listen({ maxConnections })` says otherwise for its own. */
  readonly maxConnectionsPerListener?: number;
  /** Connections accepted per second, of all listeners together; 0 = unlimited, the default. */
  readonly acceptRate?: number;
  /** Connections accepted at once before `acceptRate` holds; 0, the default = those of one second. */
  readonly acceptBurst?: number;
  /** Addresses and CIDR blocks of peers that none of these limits refuses; at most 1,024. */
  readonly exemptFromLimits?: readonly string[];
  /** Seconds from accept to the first byte of a connection; 0 = unlimited, the default. */
  readonly firstByteTimeout?: number;
  /** Seconds that an accepted connection may be without a byte received or sent; 0 = unlimited, the default. */
  readonly idleTimeout?: number;
  /** Seconds that an accepted connection may last; 0 = unlimited, the default. */
  readonly maxLifetime?: number;
  /** Bytes per second of an accepted connection while input is left unread or output waits; 0, the default = as slow as it likes. */
  readonly minByteRate?: number;
  /** SO_KEEPALIVE on each connection, where `listen` and `connect` do not say otherwise. Default false. */
  readonly keepAlive?: boolean;
  /** Whole seconds without a byte before the first probe of `keepAlive`; 0, the default = as the machine has it. */
  readonly keepAliveDelay?: number;
  /** Whole seconds between probes; 0, the default = as the machine has it. Native engine only, as the five that follow. */
  readonly keepAliveInterval?: number;
  /** Probes without an answer that end a connection; 0, the default = as the machine has it. */
  readonly keepAliveCount?: number;
  /** Seconds that sent bytes may stay unacknowledged (TCP_USER_TIMEOUT, Linux); 0, the default = as the machine has it. */
  readonly userTimeout?: number;
  /** Bytes of SO_SNDBUF; 0, the default = the kernel adapts it. */
  readonly sendBufferSize?: number;
  /** Bytes of SO_RCVBUF; 0, the default = the kernel adapts it. */
  readonly receiveBufferSize?: number;
  /** Whole seconds that a connection may wait in the kernel for its first byte before it is accepted (TCP_DEFER_ACCEPT, Linux). Default 0. */
  readonly deferAccept?: number;
  /**
   * Microseconds that the reactor goes on looking for events, awake, after it had some, before it sleeps; 0, the default = none, at most
   * 1,000. It about halves the latency of few connections with short pauses, costs up to this much processor time after each group of
   * events, and keeps the rest of the process (promises of files, other sockets) waiting meanwhile. The highest of all multiplexers of a
   * thread counts, as long as the thread lives. Native engine only.
   */
  readonly busyPollMicros?: number;
  /** Seconds that `endLoop` gives to output that is still unsent. Default 5. */
  readonly drainTimeout?: number;
  /**
   * Seconds that a connection which was ended gracefully stays for its peer to end, too; what it still sends is thrown away, up to
   * 1 MiB. 0 = none, and a peer that was still sending loses what it had not read. Default 2.
   */
  readonly lingerTimeout?: number;
  /** What a throwing callback costs: its connection ('close', the default) or the process ('exit': it is thrown again, uncaught). */
  readonly onCallbackError?: 'close' | 'exit';
  /**
   * Whose async context (`AsyncLocalStorage`) callbacks run in. 'shared', the default: nobody's in particular; what `enterWith` sets in
   * one client's callback may be seen in other clients' callbacks. 'connection': each handle has its own, which begins as that of
   * `new Mux`, or of the `connect`, `listen` or `add` that made the handle; it costs each callback about 0.2 µs.
   */
  readonly asyncContext?: 'shared' | 'connection';
  /** Gets each warning, and each error that no `mux_error` takes. Default: a line on stderr. */
  readonly warn?: (line: string) => void;
}

/** The options with their defaults, limits of 0 replaced. */
export type MuxSettings = Required<MuxOptions>;

/** One option: all that its check, the documentation and a command line need to know. */
export interface MuxOptionRow {
  readonly default: unknown;
  readonly unit?: 'bytes' | 'seconds' | 'connections' | 'connections per second';
  /** What is allowed, in words. */
  readonly range: string;
  readonly meaning: string;
  allows(value: unknown): boolean;
}

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isOneOf =
  (...choices: readonly unknown[]) =>
  (value: unknown) =>
    choices.includes(value);
const isWhole = (least: number, most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const isFrom = (least: number, most: number) => (value: unknown) => typeof value === 'number' && value >= least && value <= most;

const connections = {
  default: 0,
  unit: 'connections',
  range: `a whole number from 0 (unlimited) to ${MAX_CONNECTIONS}`,
  allows: isWhole(0, MAX_CONNECTIONS),
} as const;

const secondsOrNone = {
  default: 0,
  unit: 'seconds',
  range: `a number from 0 (unlimited) to ${MAX_SECONDS}`,
  allows: isFrom(0, MAX_SECONDS),
} as const;

const keepAliveSeconds = {
  default: 0,
  unit: 'seconds',
  range: `a whole number from 0 (as the machine has it) to ${MAX_KEEP_ALIVE_SECONDS}`,
  allows: isWhole(0, MAX_KEEP_ALIVE_SECONDS),
} as const;

const socketBuffer = {
  default: 0,
  unit: 'bytes',
  range: `a whole number from 0 (the kernel adapts it) to ${MAX_LIMIT_BYTES}`,
  allows: isWhole(0, MAX_LIMIT_BYTES),
} as const;

/** The one table of the options of `Mux`. */
export const MUX_OPTIONS: Readonly<Record<keyof MuxOptions, MuxOptionRow>> = {
  engine: {
    default: 'auto',
    range: "'auto', 'native' or 'node'",
    meaning: 'the engine; auto: NETMUX_ENGINE, else native where it loads',
    allows: (value) => isOneOf('auto', 'native', 'node')(value) || isEngine(value),
  },
  maxOutbuffer: {
    default: 16 * MIB,
    unit: 'bytes',
    range: `a whole number from 0 (unlimited) to ${MAX_LIMIT_BYTES}`,
    meaning: 'unsent output per connection',
    allows: isWhole(0, MAX_LIMIT_BYTES),
  },
  outbufferPolicy: {
    default: 'close',
    range: "'close', 'drop' or a function (fh, bytes) that returns one of them",
    meaning: 'what a write over maxOutbuffer does',
    allows: (value) => value === 'close' || value === 'drop' || typeof value === 'function',
  },
  maxInbuffer: {
    default: 16 * MIB,
    unit: 'bytes',
    range: `a whole number from 0 (unlimited) to ${MAX_LIMIT_BYTES}`,
    meaning: 'unconsumed input per connection; past it the connection is closed',
    allows: isWhole(0, MAX_LIMIT_BYTES),
  },
  maxBuffered: {
    default: 0,
    unit: 'bytes',
    range: `a whole number from 0 (unlimited) to ${Number.MAX_SAFE_INTEGER}`,
    meaning: 'unsent output and unread input of all connections together; past it those with most of it are closed',
    allows: isWhole(0, Number.MAX_SAFE_INTEGER),
  },
  highWaterMark: {
    default: 64 * KIB,
    unit: 'bytes',
    range: `a whole number from 0 to ${MAX_LIMIT_BYTES}`,
    meaning: 'unsent output above which fh.write returns false',
    allows: isWhole(0, MAX_LIMIT_BYTES),
  },
  readSize: {
    default: 64 * KIB,
    unit: 'bytes',
    range: `a whole number from 1 to ${64 * KIB}`,
    meaning: 'the most that one read delivers',
    allows: isWhole(1, 64 * KIB),
  },
  allowHalfOpen: {
    default: false,
    range: 'true or false',
    meaning: "whether a connection stays open for writing after the peer's end",
    allows: isBoolean,
  },
  maxConnections: { ...connections, meaning: 'accepted connections at a time, of all listeners together' },
  maxConnectionsPerAddress: { ...connections, meaning: 'connections from one IPv4 address or IPv6 /64 at a time' },
  maxConnectionsPerNetwork: { ...connections, meaning: 'connections from one IPv4 /24 or IPv6 /48 at a time' },
  maxConnectionsPerListener: { ...connections, meaning: 'connections of one listener at a time' },
  acceptRate: {
    default: 0,
    unit: 'connections per second',
    range: `a number from 0 (unlimited) to ${MAX_ACCEPT_RATE}`,
    meaning: 'connections accepted, of all listeners together',
    allows: isFrom(0, MAX_ACCEPT_RATE),
  },
  acceptBurst: {
    default: 0,
    unit: 'connections',
    range: `a whole number from 0 (those of one second) to ${MAX_ACCEPT_RATE}`,
    meaning: 'connections accepted at once before acceptRate holds',
    allows: isWhole(0, MAX_ACCEPT_RATE),
  },
  exemptFromLimits: {
    default: [],
    range: `at most ${MAX_EXEMPT_BLOCKS} addresses and CIDR blocks`,
    meaning: 'peers that are counted by these limits, but never refused',
    allows: (value) =>
      Array.isArray(value) &&
      value.length <= MAX_EXEMPT_BLOCKS &&
      value.every((block) => typeof block === 'string' && encodeBlock(block) !== undefined),
  },
  firstByteTimeout: { ...secondsOrNone, meaning: 'how long an accepted connection may take to its first byte' },
  idleTimeout: { ...secondsOrNone, meaning: 'how long an accepted connection may be without a byte received or sent' },
  maxLifetime: { ...secondsOrNone, meaning: 'how long an accepted connection may last' },
  minByteRate: {
    default: 0,
    range: `a number of bytes per second from 0 (as slow as it likes) to ${MAX_LIMIT_BYTES}`,
    meaning: 'how fast an accepted connection must go on while input is left unread or output waits',
    allows: isFrom(0, MAX_LIMIT_BYTES),
  },
  keepAlive: {
    default: false,
    range: 'true or false',
    meaning: 'whether the kernel probes quiet connections (SO_KEEPALIVE)',
    allows: isBoolean,
  },
  keepAliveDelay: { ...keepAliveSeconds, meaning: 'without a byte, before the first probe' },
  keepAliveInterval: { ...keepAliveSeconds, meaning: 'from one probe to the next' },
  keepAliveCount: {
    default: 0,
    range: `a whole number from 0 (as the machine has it) to ${MAX_KEEP_ALIVE_COUNT}`,
    meaning: 'probes without an answer that end a connection',
    allows: isWhole(0, MAX_KEEP_ALIVE_COUNT),
  },
  userTimeout: {
    default: 0,
    unit: 'seconds',
    range: `a number from 0 (as the machine has it) to ${MAX_SECONDS}`,
    meaning: 'how long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)',
    allows: isFrom(0, MAX_SECONDS),
  },
  sendBufferSize: { ...socketBuffer, meaning: "the kernel's buffer of what a connection sends (SO_SNDBUF)" },
  receiveBufferSize: { ...socketBuffer, meaning: "the kernel's buffer of what a connection receives (SO_RCVBUF)" },
  deferAccept: {
    ...keepAliveSeconds,
    range: `a whole number from 0 (none) to ${MAX_KEEP_ALIVE_SECONDS}`,
    meaning: 'how long a connection may wait in the kernel for its first byte before it is accepted (TCP_DEFER_ACCEPT)',
  },
  busyPollMicros: {
    default: 0,
    range: `a whole number of microseconds from 0 (none) to ${MAX_BUSY_POLL_MICROS}`,
    meaning: 'how long to look for more events, awake, after there were some',
    allows: isWhole(0, MAX_BUSY_POLL_MICROS),
  },
  lingerTimeout: {
    default: 2,
    unit: 'seconds',
    range: `a number from 0 to ${MAX_SECONDS}`,
    meaning: 'how long a closed connection waits for its peer to close, so that it gets all that was sent',
    allows: isFrom(0, MAX_SECONDS),
  },
  drainTimeout: {
    default: 5,
    unit: 'seconds',
    range: `a number from 0 to ${MAX_SECONDS}`,
    meaning: 'how long endLoop waits for unsent output',
    allows: isFrom(0, MAX_SECONDS),
  },
  onCallbackError: {
    default: 'close',
    range: "'close' or 'exit'",
    meaning: 'what a throwing callback costs: its connection or the process',
    allows: isOneOf('close', 'exit'),
  },
  asyncContext: {
    default: 'shared',
    range: "'shared' or 'connection'",
    meaning: "the async context (AsyncLocalStorage) of callbacks: nobody's in particular, or one for each connection",
    allows: isOneOf('shared', 'connection'),
  },
  warn: {
    default: (line: string) => void process.stderr.write(`${line}\n`),
    range: 'a function (line)',
    meaning: 'gets warnings, and errors that no mux_error takes',
    allows: (value) => typeof value === 'function',
  },
};

/**
 * Checks what a user has given and fills in the rest.
 * @throws NetmuxTypeError naming the option
 */
export function muxSettings(options: MuxOptions): MuxSettings {
  if (typeof options !== 'object' || options === null) throw new NetmuxTypeError(`Mux: options must be an object, not ${shown(options)}`);
  const settings: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(MUX_OPTIONS)) settings[name] = row.default;
  for (const [name, value] of Object.entries(options)) {
    const row = Object.hasOwn(MUX_OPTIONS, name) ? MUX_OPTIONS[name as keyof MuxOptions] : undefined;
    if (row === undefined) throw new NetmuxTypeError(`Mux: ${unknownOption(name, Object.keys(MUX_OPTIONS))}`);
    if (value === undefined) continue;
    if (!row.allows(value)) throw new NetmuxTypeError(`Mux: ${name} must be ${row.range}, not ${shown(value)}`);
    settings[name] = value;
  }
  settings.maxOutbuffer ||= MAX_LIMIT_BYTES;
  settings.maxInbuffer ||= MAX_LIMIT_BYTES;
  // So many names assigned one by one make a dictionary, which each write would look into; a copy is an ordinary object again.
  return { ...settings } as unknown as MuxSettings;
}
