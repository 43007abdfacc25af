import { NetmuxError } from '../../errors.js';

/**
 * The option `log_function`. Gets every message as it was logged: what peers have sent is escaped in it (`%0A`), the text around it is
 * not. `level` may be a word of the caller's own.
 */
export type LogFunction = (level: number | string, text: string) => unknown;

/** What pino, and loggers made like it (bunyan, console), offer. */
export interface LeveledLogger {
  /** Gets level 0. */
  error(text: string): unknown;
  /** Gets level 1. */
  warn(text: string): unknown;
  /** Gets levels 2 and 3, and words of the caller's own. */
  info(text: string): unknown;
  /** Gets level 4. */
  debug(text: string): unknown;
}

/** Level → method. These loggers know no "notice". */
const METHODS = ['error', 'warn', 'info', 'info', 'debug'] as const;

/**
 * @param option a function, or a logger with `error`, `warn`, `info` and `debug`
 * @throws NetmuxError `NETMUX_BAD_OPTION` for anything else
 */
export function logFunctionOf(option: unknown): LogFunction {
  // A logger may be a function with methods, too; then its methods are meant.
  if (isLeveledLogger(option)) return (level, text) => option[METHODS[Number(level)] ?? 'info'](text);
  if (typeof option === 'function') return option as LogFunction;
  throw new NetmuxError('NETMUX_BAD_OPTION', 'option log_function: neither a function nor a logger with error, warn, info and debug');
}

function isLeveledLogger(option: unknown): option is LeveledLogger {
  if ((typeof option !== 'object' && typeof option !== 'function') || option === null) return false;
  return METHODS.every((method) => typeof (option as Record<string, unknown>)[method] === 'function');
}
