import { NetmuxError } from '../errors.js';
import { printf } from '../mux/printf.js';
import { ServerHooks } from './hooks.js';
import { complaintText, errorText, peerText } from './log/escape.js';
import { formatMessage, logTime } from './log/format.js';
import { type LogFailure, ServerLog } from './log/log.js';
import { StandardErrorTarget } from './log/standard-error.js';
import type { OptionTable } from './options/option-row.js';
import type { ServerOptions } from './options/server-options.js';
import { collectOptions, type OptionTaker, tableWith } from './options/sources.js';
import type { ServerSettings } from './options/table.js';
import { DEFAULT_PORT } from './ports.js';

/** What `run()` takes beside the server's options. */
export interface RunControl {
  /** The command line to read options from. Default: the program's own, `process.argv.slice(2)`. */
  readonly argv?: readonly string[];
  /** Aborting it is calling `close()`. */
  readonly signal?: AbortSignal;
}

/** The properties of a server: its options, complete once `configure` is through, and whatever was set beside them. */
export type ServerProperties = ServerSettings & {
  /** Connections accepted so far, those that were refused included. */
  requests: number;
  [name: string]: unknown;
};

/** What the sources of options have. */
export interface ReadSettings {
  readonly settings: ServerSettings;
  /** Whether any of them has named a port. */
  readonly isPortGiven: boolean;
}

/** Before the log is open only errors and warnings are told. */
const EARLY_LEVEL = 1;

/** What a server is before it serves: its options and its log. (Net::Server) */
export abstract class ConfiguredServer<Client, Options extends ServerOptions> extends ServerHooks<Client> {
  /** As `$self->{server}` of the original. */
  readonly server: ServerProperties;
  /** Words of the command line that are no options. */
  args: readonly string[] = [];
  /** What the constructor got, and what `set_property` set before `configure`. */
  readonly #constructed: Record<string, unknown>;
  #control: RunControl;
  /** What `run()` got. */
  #given: object = {};
  /** What `configure` has to say, once there is a log. */
  #warnings: readonly string[] = [];
  #log: ServerLog | undefined;
  #hadLog = false;
  /** Where each value stands that is not a default. */
  #places: ReadonlyMap<string, readonly string[]> = new Map();

  /** @param options go before those of all other sources; what `run()` takes beside them may be given here as well */
  constructor({ argv = process.argv.slice(2), signal, ...options }: Options & RunControl = {} as Options & RunControl) {
    super();
    this.#control = { argv, ...(signal && { signal }) };
    this.#constructed = { ...(options as object) };
    this.server = { ...options, requests: 0 } as unknown as ServerProperties;
  }

  /**
   * The application's own options: for each name its type and meaning, and a default. They come from all the sources that the
   * server's come from, and appear in `--help`. (Net::Server `options`)
   */
  options(): OptionTable {
    return {};
  }

  /** Options for what no other source has. */
  default_values(): Partial<Options> {
    return {};
  }

  /** The port where no source has one. */
  default_port(): number | string {
    return DEFAULT_PORT;
  }

  /** The value of an option, once it was read and checked, or of another property. (Net::Server get_property) */
  get_property<Name extends keyof ServerSettings>(name: Name): ServerSettings[Name];
  /** Of an option of the program's own, in its declared type. */
  get_property<Name extends keyof Options & string>(name: Name): Options[Name];
  /** Of any other property. */
  get_property(name: string): unknown;
  get_property(name: string): unknown {
    return this.server[name];
  }

  /** Before `configure` (in `configure_hook`) an option counts as given to the constructor; later the value is taken as it is. */
  set_property(name: string, value: unknown): void {
    if (Object.hasOwn(tableWith(this.options()), name)) this.#constructed[name] = value;
    (this.server as Record<string, unknown>)[name] = value;
  }

  /** @throws NetmuxError `NETMUX_BAD_OPTION` */
  configure(): void | Promise<void> {
    const { settings, rest, warnings, places } = this.#collect();
    Object.assign(this.server, settings);
    this.#places = places;
    this.args = rest;
    this.#warnings = warnings;
  }

  /**
   * Opens the log. (Net::Server initialize_logging)
   * @throws NetmuxError `NETMUX_BAD_OPTION`; a system error of the file or the log daemon
   */
  async initialize_logging(): Promise<void> {
    const { log_function: name } = this.server;
    const method = typeof name === 'string' ? (this as unknown as Record<string, unknown>)[name] : name;
    const log_function = typeof method === 'function' && typeof name === 'string' ? method.bind(this) : method;
    this.#log = await ServerLog.open({ ...this.server, log_function } as ServerSettings, (failure) => this.#logFailed(failure));
    this.#hadLog = true;
    for (const warning of this.#warnings) this.log(1, warning);
  }

  /**
   * Writes to the log what passes the test of the level: 0 error, 1 warning, 2 notice, 3 information, 4 debugging.
   * @param text taken as it is; with values, a format as `sprintf` has it
   * @param values in which nothing can end the line (`%0A`), also where a `log_function` gets it: what peers have sent belongs here
   */
  log(level: number | string, text: string, ...values: unknown[]): void {
    const log = this.#log;
    if (log === undefined ? Number(level) > EARLY_LEVEL : !log.allows(level)) return;
    // These formats escape the whole line. A function may write lines, too, and has no means to tell a peer's words from ours.
    const isRaw = log?.isFunction !== true && (this.server.log_format === 'text' || this.server.log_format === 'json');
    const shown = isRaw ? values : values.map((value) => (typeof value === 'string' ? peerText(value) : value));
    const message = values.length === 0 ? text : printf(text, ...shown);
    if (log?.isFunction) log.write(level, message);
    else this.write_to_log_hook(Number(level), message);
  }

  /** The present time as log lines have it: `YYYY/MM/DD-HH:MM:SS`, local. */
  log_time(): string {
    return logTime();
  }

  /** Gets each line that passes the test of the level, where there is no `log_function`, and writes it. */
  write_to_log_hook(level: number, text: string): void {
    if (this.#log !== undefined) this.#log.write(level, text);
    else new StandardErrorTarget().write(formatMessage('classic', level, text));
  }

  /** The log function has thrown. What is thrown here reaches whoever has logged. */
  handle_log_error(error: Error, _level?: number | string, _text?: string): void {
    throw error;
  }

  /** The log daemon cannot be reached, and `syslog_logopt` does not say `nofatal`. */
  handle_syslog_error(error: Error, _level?: number | string, _text?: string): void {
    throw error;
  }

  /** Whether what is logged at level 0 is to be seen on standard error. */
  get logsToStderr(): boolean {
    if (this.write_to_log_hook !== ConfiguredServer.prototype.write_to_log_hook) return false;
    const { log_level, log_file, log_function } = this.server;
    return !this.#hadLog || (log_level > 0 && log_function === undefined && log_file === '');
  }

  /** Opens the log file again under its name, when it was moved away. The signal USR1 does. */
  reopen_log(): void {
    this.#log?.reopen();
  }

  /** @internal Logs an error that costs nobody anything, where a throwing log function must not cost anything either. */
  complain(error: unknown, during = ''): void {
    const text = during + complaintText(error);
    try {
      this.log(1, text);
    } catch (second) {
      new StandardErrorTarget().write(`${text}\nlog: ${errorText(second)}`);
    }
  }

  /**
   * What `configure` would find now.
   * @throws NetmuxError `NETMUX_BAD_OPTION`
   */
  protected readSettings(): ReadSettings {
    return this.#collect();
  }

  /** Whether any source has named a port. */
  protected get isPortGiven(): boolean {
    return this.#places.has('port');
  }

  /** Does what an option asks for; an error says where the option stands, if that is the command line or a file. */
  protected checked<Result>(option: keyof ServerSettings, check: () => Result): Result {
    try {
      return check();
    } catch (error) {
      const [place, ...more] = this.#places.get(option) ?? [];
      const isInCode = place === undefined || more.length > 0 || place.startsWith('option ');
      if (isInCode || !(error instanceof NetmuxError)) throw error;
      throw new NetmuxError(error.code, `${place}: ${error.message}`, { cause: error });
    }
  }

  /** What `run()` got besides options. */
  protected get control(): RunControl {
    return this.#control;
  }

  /** @internal Who has got what `run()` got, for messages. */
  get optionTaker(): OptionTaker {
    return { name: 'run()' };
  }

  /** Takes what `run()` got. */
  protected runWith({ argv, signal, ...options }: Options & RunControl): void {
    this.#control = { ...this.#control, ...(argv && { argv }), ...(signal && { signal }) };
    this.#given = options;
  }

  /** Before `initialize_logging`, and after the end, messages go to standard error. */
  protected get isLogOpen(): boolean {
    return this.#log !== undefined;
  }

  /** The log, from `initialize_logging` to the end. */
  protected get openLog(): ServerLog {
    return this.#log!;
  }

  /** From here on messages go to standard error. */
  protected closeLog(): void {
    this.#log?.close();
    this.#log = undefined;
  }

  #collect() {
    const { settings, rest, warnings, places } = collectOptions({
      constructed: this.#constructed,
      argv: this.#control.argv ?? [],
      run: this.#given,
      runTaker: this.optionTaker,
      defaults: this.default_values(),
      own: this.options(),
    });
    const { log_function: method } = settings;
    if (typeof method === 'string' && typeof (this as unknown as Record<string, unknown>)[method] !== 'function') {
      throw new NetmuxError('NETMUX_BAD_OPTION', `${places.get('log_function')![0]}: this server has no method ${method}`);
    }
    const isPortGiven = places.has('port');
    if (!isPortGiven) settings.port = [this.default_port()];
    return { settings, rest, warnings, places, isPortGiven };
  }

  /** The log itself cannot be asked to tell that a file cannot be written. */
  #logFailed({ origin, error, level, text }: LogFailure): void {
    if (origin === 'function') this.handle_log_error(error, level, text);
    else if (origin === 'syslog') this.handle_syslog_error(error, level, text);
    else new StandardErrorTarget().write(complaintText(error));
  }
}
