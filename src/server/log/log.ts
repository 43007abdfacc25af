import type { Belonging } from '../daemon/belonging.js';
import type { ServerSettings } from '../options/table.js';
import { FileTarget } from './file.js';
import { formatMessage, type LogFormat } from './format.js';
import { type LogFunction, logFunctionOf } from './log-function.js';
import { StandardErrorTarget } from './standard-error.js';
import { isLenient, type SyslogSettings, SyslogTarget } from './syslog.js';
import type { LogTarget } from './target.js';

export type LogSettings = Pick<ServerSettings, 'log_level' | 'log_file' | 'log_format' | 'log_function'> & SyslogSettings;

/** The value of `log_file` that means the system log, as in Net::Server. */
const SYSLOG = 'Sys::Syslog';

/**
 * What failed, and so what it means: the user's function, a syslog daemon that is not to be done without (`syslog_logopt` does not say
 * `nofatal`), or another output, without which a server goes on.
 */
export type LogFailureOrigin = 'function' | 'syslog' | 'output';

export interface LogFailure {
  readonly origin: LogFailureOrigin;
  /** The error of the function, or one that names the target: `log file /var/log/chat: ENOSPC: …`. */
  readonly error: Error;
  /** The message that was not logged; absent when opening again or closing failed. */
  readonly level?: number | string;
  readonly text?: string;
}

/**
 * Hears of what could not be logged. A function's failures are all told; of a file or daemon only the first until it works again,
 * since who has a full disk does not need a line for each line.
 */
export type LogFailureHandler = (failure: LogFailure) => void;

/** Where the messages of a server go: Net::Server `log` from the test of the level on, without the hook. */
export class ServerLog implements Belonging {
  /** 0 … 4; more detailed messages are left out, and with 0 all of them. */
  level: number;
  readonly #format: LogFormat;
  readonly #target: LogTarget | undefined;
  readonly #function: LogFunction | undefined;
  readonly #origin: LogFailureOrigin;
  readonly #failed: LogFailureHandler;
  /** Lines since the target stopped working. */
  #lost = 0;
  /** The handler of a failure may want to log it. */
  #handling = false;

  private constructor(
    level: number,
    format: LogFormat,
    target: LogTarget | LogFunction,
    origin: LogFailureOrigin,
    failed: LogFailureHandler,
  ) {
    this.level = level;
    this.#format = format;
    this.#target = typeof target === 'function' ? undefined : target;
    this.#function = typeof target === 'function' ? target : undefined;
    this.#origin = origin;
    this.#failed = failed;
  }

  /**
   * Opens the log that the options ask for: `log_function` (already a function or a logger), else `log_file`, else standard error.
   *
   * @throws NetmuxError `NETMUX_BAD_OPTION`
   * @throws SystemError of the file or the daemon's socket, with the option's name before its message
   */
  static async open(settings: LogSettings, failed: LogFailureHandler): Promise<ServerLog> {
    const { log_level: level, log_format: format, log_function: option, log_file: file } = settings;
    if (option !== undefined) return new ServerLog(level, format, logFunctionOf(option), 'function', failed);
    try {
      if (file !== SYSLOG)
        return new ServerLog(level, format, file === '' ? new StandardErrorTarget() : new FileTarget(file), 'output', failed);
      return new ServerLog(level, format, await SyslogTarget.open(settings), isLenient(settings) ? 'output' : 'syslog', failed);
    } catch (error) {
      (error as Error).message = `option log_file: ${file === SYSLOG ? 'syslog: ' : ''}${(error as Error).message}`;
      throw error;
    }
  }

  /** For messages about the log. */
  get name(): string {
    return this.#target?.name ?? 'log_function';
  }

  /** Whether messages go to a function of the user, which takes them as they are. */
  get isFunction(): boolean {
    return this.#function !== undefined;
  }

  /** Whether a message of this level is logged. A level that is no number is for functions only. (Net::Server `log`) */
  allows(level: number | string): boolean {
    if (this.level === 0) return false;
    const number = typeof level === 'number' ? level : /^\d+$/.test(level) ? Number(level) : undefined;
    return number === undefined ? this.isFunction : number <= this.level;
  }

  /** Logs a message, whatever its level: `allows` is asked before. Throws nothing but what the handler says of a function or daemon. */
  write(level: number | string, text: string): void {
    if (this.#function !== undefined) this.#call(this.#function, level, text);
    else if (this.#target !== undefined) this.#print(this.#target, Number(level), text);
  }

  /** Opens the file again under its name, for log rotation; standard error too, where it goes to the file. */
  reopen(): void {
    this.#attempt(() => this.#target?.reopen?.());
  }

  /** From now on what is written to `descriptor` (2: what Node and native code print) goes to the log file. @returns false if there is none */
  takeOver(descriptor: number): boolean {
    if (this.#target?.takeOver === undefined) return false;
    this.#target.takeOver(descriptor);
    return true;
  }

  chown(uid: number, gid: number): void {
    this.#target?.chown?.(uid, gid);
  }

  rootChanged(root: string): void {
    this.#target?.rootChanged?.(root);
  }

  close(): void {
    this.#attempt(() => this.#target?.close());
  }

  #call(log: LogFunction, level: number | string, text: string): void {
    const failed = (error: unknown) => this.#tell({ origin: 'function', error: asError(error), level, text });
    try {
      const result = log(level, text);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function')
        (result as PromiseLike<unknown>).then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  #print(target: LogTarget, level: number, text: string): void {
    try {
      if (this.#lost > 0) {
        target.write(formatMessage(this.#format, 1, `${this.#lost} log messages were lost before this one`, target.stamps), 1);
        this.#lost = 0;
      }
      target.write(formatMessage(this.#format, level, text, target.stamps), level);
    } catch (error) {
      this.#lost += 1;
      if (this.#lost === 1) this.#tell({ origin: this.#origin, error: named(target, error), level, text });
    }
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#tell({ origin: this.#origin, error: this.#target === undefined ? asError(error) : named(this.#target, error) });
    }
  }

  #tell(failure: LogFailure): void {
    if (this.#handling) return;
    this.#handling = true;
    try {
      this.#failed(failure);
    } catch (error) {
      // The handler may print to the very output that has failed.
      if (failure.origin !== 'output') throw error;
    } finally {
      this.#handling = false;
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}

/** The message of EPIPE on a descriptor does not say which log it was about. */
function named(target: LogTarget, error: unknown): Error {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  return Object.assign(new Error(`${target.name}: ${asError(error).message}`, { cause: error }), { code, errno, syscall });
}
