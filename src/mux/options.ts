import type { EngineName } from '../engine/engine.js';
import { NetmuxTypeError, shown } from '../errors.js';
import type { Handle } from './handle.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Counters of bytes are int32 words that both sides of the contract see; a limit of 0 means this one. */
const MAX_LIMIT_BYTES = 2 ** 31 - 1;

/** What becomes of a connection whose output would exceed `maxOutbuffer`. */
export type OutbufferVerdict = 'close' | 'drop';

export interface MuxOptions {
  /** Which engine carries the sockets. Default: the environment variable NETMUX_ENGINE, else 'auto', native where it loads. */
  readonly engine?: 'auto' | EngineName;
  /** Bytes of unsent output per connection; 0 = unlimited. Default 16 MiB. */
  readonly maxOutbuffer?: number;
  /** What a write over `maxOutbuffer` does: 'close' the connection (default), 'drop' the write, or what the function says. */
  readonly outbufferPolicy?: OutbufferVerdict | ((fh: Handle, bytes: number) => OutbufferVerdict);
  /** Bytes of input that callbacks leave unconsumed, per connection; past it the connection is closed. 0 = unlimited. Default 16 MiB. */
  readonly maxInbuffer?: number;
  /** Bytes of unsent output above which `fh.write` returns false. Default 64 KiB. */
  readonly highWaterMark?: number;
  /** Bytes of one read, and so of one `mux_input` at most: 1 to 65,536, the default. */
  readonly readSize?: number;
  /** A connection stays open for writing after the peer's end, until the application ends it. Default false. */
  readonly allowHalfOpen?: boolean;
  /** Seconds that `endLoop` gives to output that is still unsent. Default 5. */
  readonly drainTimeout?: number;
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
  readonly unit?: 'bytes' | 'seconds';
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

/** The one table of the options of `Mux`. */
export const MUX_OPTIONS: Readonly<Record<keyof MuxOptions, MuxOptionRow>> = {
  engine: {
    default: 'auto',
    range: "'auto', 'native' or 'node'",
    meaning: 'the engine; auto: NETMUX_ENGINE, else native where it loads',
    allows: isOneOf('auto', 'native', 'node'),
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
  drainTimeout: {
    default: 5,
    unit: 'seconds',
    range: 'a number from 0 to 1000000',
    meaning: 'how long endLoop waits for unsent output',
    allows: (value) => typeof value === 'number' && value >= 0 && value <= 1_000_000,
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
    if (row === undefined) throw new NetmuxTypeError(`Mux: unknown option ${name}; known: ${Object.keys(MUX_OPTIONS).join(', ')}`);
    if (value === undefined) continue;
    if (!row.allows(value)) throw new NetmuxTypeError(`Mux: ${name} must be ${row.range}, not ${shown(value)}`);
    settings[name] = value;
  }
  settings.maxOutbuffer ||= MAX_LIMIT_BYTES;
  settings.maxInbuffer ||= MAX_LIMIT_BYTES;
  return settings as unknown as MuxSettings;
}
