import { getSystemErrorName } from 'node:util';

/** Every code that netmux itself gives an error. `docs/errors.md` explains each. */
export type NetmuxErrorCode =
  | 'NETMUX_ADMISSION_TIMEOUT'
  | 'NETMUX_ALREADY_LOOPING'
  | 'NETMUX_ALREADY_RUNNING'
  | 'NETMUX_BAD_ARGUMENT'
  | 'NETMUX_BAD_OPTION'
  | 'NETMUX_BAD_PORT'
  | 'NETMUX_BUFFER_DETACHED'
  | 'NETMUX_BUFFERED_LIMIT'
  | 'NETMUX_CONNECT_TIMEOUT'
  | 'NETMUX_FATAL'
  | 'NETMUX_FIRST_BYTE_TIMEOUT'
  | 'NETMUX_FRAME_MALFORMED'
  | 'NETMUX_FRAME_TOO_LONG'
  | 'NETMUX_IDENTITY'
  | 'NETMUX_IDLE_TIMEOUT'
  | 'NETMUX_INBUFFER_LIMIT'
  | 'NETMUX_INPUT_EXPIRED'
  | 'NETMUX_INPUT_TOO_SHORT'
  | 'NETMUX_LIFETIME'
  | 'NETMUX_LINE_TOO_LONG'
  | 'NETMUX_LOOKUP_FAILED'
  | 'NETMUX_NO_NATIVE'
  | 'NETMUX_NO_REASON'
  | 'NETMUX_NOT_ON_THIS_ENGINE'
  | 'NETMUX_NOT_POLLABLE'
  | 'NETMUX_NOT_RUNNING'
  | 'NETMUX_NOT_STARTED'
  | 'NETMUX_OUTBUFFER_LIMIT'
  | 'NETMUX_PATH_IN_USE'
  | 'NETMUX_PID_FILE'
  | 'NETMUX_TOO_SLOW';

/** An error of netmux itself. `code` is stable, the message is not. */
export class NetmuxError extends Error {
  /** For lines that begin with what kind of error it is. */
  override readonly name = 'NetmuxError';
  /** What has happened, for programs: `docs/errors.md` says of each what to do. */
  readonly code: NetmuxErrorCode;

  /** @param options `cause`: the error that it began with */
  constructor(code: NetmuxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Misuse of a call: a wrong type, a value out of its range. Thrown at once, before anything was done. */
export class NetmuxTypeError extends TypeError {
  /** The same for all of them: the message names the argument, and quotes what was given. */
  readonly code: NetmuxErrorCode = 'NETMUX_BAD_ARGUMENT';
}

/** An error of the operating system, in the shape that Node gives them. */
export interface SystemError extends Error {
  /** The name of the errno, e.g. `EADDRINUSE`. */
  code: string;
  /** The negative errno, as in Node. */
  errno: number;
  /** What was being done: `listen`, `connect`, `read` … */
  syscall: string;
  /** The host or UNIX path it was about. */
  address?: string;
  /** The port that it was about, beside its host. */
  port?: number;
}

/**
 * @param errno positive or negative
 * @param syscall what was being done
 */
export function systemError(errno: number, syscall: string, subject: { address?: string; port?: number } = {}): SystemError {
  const negative = -Math.abs(errno);
  const code = getSystemErrorName(negative) ?? `E${-negative}`;
  const where =
    subject.address === undefined ? '' : subject.port === undefined ? ` ${subject.address}` : ` ${subject.address}:${subject.port}`;
  return Object.assign(new Error(`${syscall} ${code}${where}`), { code, errno: negative, syscall, ...subject });
}

/** Characters that a message shows of a longer text. */
export const SHOWN_LENGTH = 60;

/**
 * How a value that is refused appears in a message: in quotes where it is text, always on one line. Nothing of the value's own is
 * called, which might throw in place of the error.
 */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  const text = value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value;
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
