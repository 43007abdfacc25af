import { setImmediate as nextTurn } from 'node:timers/promises';
import { NetmuxError } from '../errors.js';
import type { CallbackError } from '../mux/callbacks.js';
import { type Handle, type Listener, peerPrefix } from '../mux/handle.js';
import type { InputBuffer } from '../mux/input-buffer.js';
import type { Refused } from '../mux/limits.js';
import { Mux } from '../mux/mux.js';
import type { MuxOptions } from '../mux/options.js';
import { Admission } from './admission.js';
import type { BindSpec } from './bind-spec.js';
import { Binding } from './binding.js';
import { BoundSockets } from './bound-sockets.js';
import type { Logging, MultiplexClient } from './client.js';
import { ConfiguredServer, type RunControl } from './configured-server.js';
import { type ClientClass, checkClientClass, connectionClass } from './connection-class.js';
import { Daemon } from './daemon/daemon.js';
import { takeOverHup } from './daemon/own-command.js';
import { setSurroundings } from './daemon/surroundings.js';
import { Dequeue } from './dequeue.js';
import { Drain } from './drain.js';
import { FatalError, placeOfCall } from './fatal.js';
import { Gate } from './gate.js';
import { beginLinking, endLinking } from './linked-output.js';
import { misspeltMethods } from './misspelt.js';
import { muxOptionsOf } from './options/mux-settings.js';
import type { ServerOptions } from './options/server-options.js';
import { parsePorts } from './ports.js';
import { checkPorts, resolvePorts } from './resolve-ports.js';
import { Restart } from './restart.js';
import { Signals } from './signals.js';
import { takeInheritedSockets } from './systemd.js';

/** The steps from `run` to the loop, in their order. (Net::Server run) */
const START = [
  'configure_hook',
  'configure',
  'post_configure',
  'post_configure_hook',
  'pre_bind',
  'bind',
  'post_bind_hook',
  'post_bind',
  'pre_loop_hook',
] as const;

/**
 * A server: a class with the callbacks and hooks that it needs, `run`, and the options of a daemon. Callbacks are methods of a class
 * of clients, named by the property `Client`, or of the server's own class; then they run on an object that stands for the client
 * and inherits from the server's class. (Net::Server::Multiplex)
 *
 * @typeParam Client the class of the objects that stand for connections
 * @typeParam Options the application's options beside the server's
 */
export class MultiplexServer<
    Client extends MultiplexClient<Logging> = MultiplexClient<Logging>,
    Options extends ServerOptions = ServerOptions,
  >
  extends ConfiguredServer<Client, Options>
  implements AsyncDisposable
{
  /** The class of the clients, where callbacks are not methods of the server's class. */
  declare Client?: ClientClass<Client>;
  #mux: Mux<Client> | undefined;
  #specs: readonly BindSpec[] = [];
  #binding: Binding<Client> | undefined;
  #gate: Gate | undefined;
  #admission: Admission<Client> | undefined;
  #signals: Signals | undefined;
  #dequeue: Dequeue | undefined;
  #daemon: Daemon | undefined;
  #isLinking = false;
  #hasRun = false;
  #looping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #drain: Drain<Client> | undefined;
  #restart: Restart<Client> | undefined;
  /** The signal came before this program could act on it. */
  #isRestartDue = false;
  /** Nothing is flushed at the end. */
  #isHurried = false;
  #failure: FatalError | undefined;
  readonly #ready = deferred();

  /** Makes a server of this class and runs it. */
  static run<Options>(this: new () => { run(options?: Options): Promise<void> }, options?: Options): Promise<void> {
    return new this().run(options);
  }

  /** The multiplexer, from `pre_bind` on. */
  get mux(): Mux<Client> {
    if (this.#mux === undefined) throw new NetmuxError('NETMUX_NOT_RUNNING', 'the multiplexer exists from pre_bind on');
    return this.#mux;
  }

  /** What the server listens on, datagram sockets included, in the order of the ports. */
  get listeners(): readonly Listener<Client>[] {
    return this.#binding?.listeners ?? [];
  }

  /** Connections accepted so far, those that were refused included. */
  get requests(): number {
    return this.server.requests;
  }

  /** Resolves when the loop has begun: all ports are bound, `listeners` know theirs. Rejects with the error that prevents it. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Serves until the end: reads the options, binds, drops privileges, loops, closes, each step a method that can be overridden.
   * A server runs once.
   *
   * @returns a promise that rejects with a `FatalError` after a fatal error, when the closing hooks are through
   * @throws NETMUX_ALREADY_RUNNING
   */
  async run(options: Options & RunControl = {} as Options & RunControl): Promise<void> {
    if (this.#hasRun) throw new NetmuxError('NETMUX_ALREADY_RUNNING', 'a server runs once: make another one');
    this.#hasRun = true;
    this.runWith(options);
    this.#daemon = new Daemon(this);
    const abort = () => void this.close();
    const { signal } = this.control;
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    try {
      for (const step of START) if (this.#closing === undefined) await this[step]();
      if (this.#closing === undefined) await this.loop();
    } catch (error) {
      if (error !== this.#failure) await this.fatal(error).catch(() => {});
    }
    if (this.#failure === undefined || this.#closing !== undefined) await (this.#closing ?? this.server_close());
    signal?.removeEventListener('abort', abort);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the server gracefully, whatever it is doing; as `server_close`, but it can be called at any time, and any number of times. */
  async close(): Promise<void> {
    if (this.#hasRun) await (this.#closing ?? this.server_close()).catch(() => {}); // run() tells
  }

  /** As `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Reads the options, and checks what can be checked before anything is done. */
  override configure(): void | Promise<void> {
    checkClientClass(this.Client);
    super.configure();
    this.checked('port', () => checkPorts(parsePorts(this.server)));
    this.#daemon!.configure(this.server, (option, check) => this.checked(option, check));
  }

  /** Goes to the background, sets the umask, opens the log and writes the pid file. */
  async post_configure(): Promise<void> {
    const daemon = this.#daemon!;
    try {
      // Code that runs after `run()` is meant for the end of the server.
      if (await daemon.goToBackground(this.server)) process.exit(0);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'NETMUX_NOT_STARTED') throw error;
      this.#startFailedElsewhere(error);
    }
    setSurroundings({ umask: this.server.umask });
    await this.initialize_logging();
    daemon.settle(this.server, this.openLog);
  }

  /** Finds out what the ports mean on this machine, and makes the multiplexer. */
  async pre_bind(): Promise<void> {
    this.log(2, `${this.log_time()} ${this.constructor.name} (type Multiplex) starting! pid(${process.pid})`);
    this.#gate = new Gate(this.server);
    this.#specs = await resolvePorts(parsePorts(this.server), (level, text) => this.log(level, text));
    this.#mux = new ServerMux<Client>(this, { ...muxOptionsOf(this.server), warn: (line) => this.log(1, '%s', line) });
    this.#warnOfMistakes();
  }

  /** Binds all ports, beside those that a service manager hands over: these take the place of a port that nobody has configured. */
  async bind(): Promise<void> {
    const { mux } = this;
    const bound = new BoundSockets();
    if (bound.isRestart) {
      await this.restart_open_hook();
      this.log(2, 'Binding open file descriptors');
    }
    const activated = [...takeInheritedSockets(), ...bound.activated];
    const specs = activated.length > 0 && !this.isPortGiven ? [] : this.#specs;
    this.#binding = new Binding(mux, (level, text) => this.log(level, text));
    await this.#binding.open(specs, activated, bound);
    bound.forget();
    const isLinked = !this.server.no_client_stdout;
    const admission = new Admission(this, connectionClass(this, MultiplexServer, isLinked), this.listeners[0]!, {
      isLinked,
      pending: this.server.max_pending_admissions,
      seconds: this.server.allow_deny_timeout,
    });
    this.#admission = admission;
    const gate = this.#gate!;
    const receiving = gate.isOpen ? admission.shared : admission.receiving((address) => gate.admitsAddress(address));
    mux.setCallbackObject(admission.shared);
    for (const listener of this.listeners) mux.setCallbackObject(mux.isUdp(listener) ? receiving : admission.listening(listener), listener);
  }

  /** Drops privileges and takes over the signals. */
  async post_bind(): Promise<void> {
    this.server.requests = 0;
    this.#daemon!.dropPrivileges(this.server, this.#binding!);
    if (!this.server.handle_signals) {
      takeOverHup();
      return;
    }
    this.#signals = new Signals({
      log: (level, text) => this.log(level, text),
      end: () => void this.close(),
      endNow: () => this.#endNow(),
      restart: () => void this.#attempt('sig_hup', () => this.sig_hup()),
      reopenLog: () => this.reopen_log(),
    });
    this.#signals.install();
    this.#isRestartDue = takeOverHup();
  }

  /** Serves until the end, however it comes. */
  async loop(): Promise<void> {
    this.#isLinking = !this.server.no_client_stdout;
    if (this.#isLinking) beginLinking();
    this.#looping = this.mux.loop();
    this.#startDequeue();
    this.#daemon?.serving();
    this.#ready.resolve();
    if (this.#isRestartDue) void this.#attempt('sig_hup', () => this.sig_hup());
    await this.#looping;
  }

  /** A connection was accepted: whether it is admitted. Hooks are called in here, up to `allow_deny_hook`. */
  setup_client_connection(client: Client): boolean | Promise<boolean> {
    this.server.requests += 1;
    return this.#admission!.ask(client);
  }

  /** Finds out who the client is, and logs it at level 3. */
  get_client_info(client: Client): void | Promise<void> {
    const lookUp = this.#gate!.lookUp(client);
    if (lookUp !== undefined) return lookUp.then(() => this.#logClient(client));
    return this.#logClient(client);
  }

  /** Whether the options `allow`, `deny`, `cidr_allow`, `cidr_deny` and `double_reverse_lookups` admit the client. */
  allow_deny(client: Client): boolean | Promise<boolean> {
    return this.#gate!.admits(client);
  }

  /**
   * The signal HUP: restarts the program in this process, with its listening sockets open all the time. What stands against it
   * (a bad configuration, a new port that cannot be bound, a program that is not there any more) is found first, and logged at
   * level 0; then the server goes on as if nothing had been. (Net::Server sig_hup)
   * @returns a promise that resolves only if there is no restart
   */
  async sig_hup(): Promise<void> {
    this.log(2, 'Received a SIG HUP');
    this.#restart?.askAgain();
    if (this.#looping === undefined || this.#closing !== undefined || this.#restart !== undefined) return;
    const restart = new Restart({
      mux: this.mux,
      binding: this.#binding!,
      daemon: this.#daemon!,
      settings: this.server,
      read: () => this.readSettings(),
      isPending: (fh) => this.#admission!.isPending(fh),
    });
    this.#restart = restart;
    this.#daemon!.notifier.reloading();
    try {
      await restart.lastSignal();
      await restart.prepare();
      await restart.drain();
      this.#dequeue?.stop();
      for (const step of [() => this.#callClosingHooks(), () => this.restart_close_hook(), () => this.hup_server()])
        if (!restart.isCancelled) await step();
    } catch (error) {
      if (restart.isCancelled) return;
      restart.undo();
      this.#startDequeue();
      await this.#attempt('log', () => this.log(0, `${this.log_time()} No restart: ${(error as Error).message}`));
    } finally {
      this.#restart = undefined;
    }
  }

  /**
   * Executes the program again, with its listening sockets: the last step of `sig_hup`.
   * @throws SystemError ENOENT, EACCES, E2BIG …
   */
  async hup_server(): Promise<void> {
    if (this.#restart === undefined) throw new NetmuxError('NETMUX_NOT_RUNNING', 'hup_server is the last step of sig_hup');
    this.log(0, `${this.log_time()} Re-exec server during HUP`);
    this.#restart.execute();
  }

  /**
   * Ends the server: stops accepting, flushes what is queued within `drain_timeout`, then calls the closing hooks, tidies up and
   * calls `server_exit`.
   * @param exit_value default 0
   * @returns a promise that resolves when all is done
   */
  server_close(exit_value?: number): Promise<void> {
    this.#closing ??= this.#close(exit_value);
    return this.#closing;
  }

  /** Closes what the server listens on, and removes the files of its UNIX sockets. */
  async shutdown_sockets(): Promise<void> {
    await this.#mux?.[Symbol.asyncDispose]();
  }

  /**
   * The last step: by default it sets `process.exitCode`, and the process ends when nothing else keeps it alive. Not called with
   * `no_exit_on_close`.
   */
  server_exit(exit_value?: number): void {
    if (exit_value !== undefined) process.exitCode = exit_value;
  }

  /**
   * Gives up: `fatal_hook`, a line at level 0, all of `server_close`, exit value 1.
   * @returns a promise that rejects with what `run()` rejects with
   */
  fatal(reason: unknown): Promise<never> {
    const place = reason instanceof Error ? undefined : placeOfCall(this.fatal);
    const over = this.#giveUp(reason instanceof FatalError ? reason : new FatalError(reason, place));
    over.catch(() => {}); // run() tells
    return over;
  }

  /** The client was admitted; `this` is the client, here and below. */
  mux_connection?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  /** Bytes arrived, once per read. What is not consumed is presented again with the next ones. */
  mux_input?(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): unknown;
  /** The peer has finished sending; `data` is the unread input, presented for the last time. */
  mux_eof?(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): unknown;
  /** The connection was closed and is forgotten. */
  mux_close?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  /** The timer of `fh.setTimeout` is due. It fires once. */
  mux_timeout?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  /** All output has been given to the kernel. */
  mux_outbuffer_empty?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  /** Writing failed since the peer is gone; `mux_close` follows. */
  mux_epipe?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  /** Something went wrong: an error with a `code`, or what a callback has thrown. */
  mux_error?(this: Client, mux: Mux<Client>, fh: Handle<Client>, error: CallbackError): unknown;
  /** Limits have kept connections out: at most once a second for each listener and reason, with their number. */
  mux_refused?(this: Client, mux: Mux<Client>, listener: Handle<Client>, refused: Refused): unknown;

  /** The second process has called the hooks, and has no terminal: all that is left to do here is to tell. */
  #startFailedElsewhere(error: unknown): never {
    this.#failure = new FatalError(error);
    this.log(0, this.#failure.message);
    this.#ready.reject(this.#failure);
    this.server_exit(1);
    throw this.#failure;
  }

  #warnOfMistakes(): void {
    const { warning } = this.#gate!;
    if (warning !== undefined) this.log(1, warning);
    if ('process_request' in this) this.log(1, 'process_request is never called by this kind of server: see mux_input');
    if (this.server.check_for_dequeue && this.run_dequeue === undefined)
      this.log(1, 'check_for_dequeue is set, but there is no run_dequeue');
    for (const line of misspeltMethods(this.constructor, this.Client, MultiplexServer)) this.log(1, line);
  }

  #logClient(client: Client): void {
    if (this.server.log_level < 3) return; // addresses are not asked for in vain
    const { peeraddr, peerport, peerhost, sockaddr, sockport } = client;
    const time = this.log_time();
    if (peeraddr === undefined) {
      this.log(3, `${time} CONNECT UNIX Socket: "%s"`, client.fh.localAddress);
      return;
    }
    const name = peerhost === undefined ? '' : `(${peerhost}) `;
    this.log(3, `${time} CONNECT TCP Peer: "[%s]:%d" %sLocal: "[%s]:%d"`, peeraddr, peerport, name, sockaddr, sockport);
  }

  /** Nothing else has to suffer from a hook that throws. */
  async #attempt(name: string, hook: () => unknown): Promise<void> {
    try {
      await hook();
    } catch (error) {
      this.complain(error, `${name}: `);
    }
  }

  #endNow(): void {
    this.#isHurried = true;
    this.#drain?.hurry();
    void this.close();
  }

  async #close(exitValue: number | undefined): Promise<void> {
    this.#restart?.cancel();
    await nextTurn(); // the present turn is finished first
    this.#daemon?.stopping();
    await this.#endLoop();
    await this.#callClosingHooks();
    await this.#attempt('pid_file', () => this.#daemon?.removePidFile());
    await this.#attempt('shutdown_sockets', () => this.shutdown_sockets());
    this.#signals?.remove();
    if (this.#failure === undefined) this.#ready.reject(new NetmuxError('NETMUX_NOT_RUNNING', 'the server was closed'));
    else this.#ready.reject(this.#failure);
    if (!this.server.no_exit_on_close) this.server_exit(exitValue);
    this.#daemon?.close();
    this.closeLog();
  }

  async #callClosingHooks(): Promise<void> {
    await this.#attempt('pre_server_close_hook', () => this.pre_server_close_hook());
    await this.#attempt('log', () => this.log(2, `${this.log_time()} Server closing!`));
    await this.#attempt('post_child_cleanup_hook', () => this.post_child_cleanup_hook());
  }

  #startDequeue(): void {
    this.#dequeue?.stop();
    this.#dequeue = new Dequeue(this.server.check_for_dequeue ?? 0, () => this.#attempt('run_dequeue', () => this.run_dequeue?.()));
  }

  /** Stops accepting, and closes all connections: see `Drain`. */
  async #endLoop(): Promise<void> {
    if (this.#looping === undefined) return;
    const { mux } = this;
    this.#dequeue?.stop();
    for (const listener of this.listeners) {
      if (mux.isUdp(listener)) continue;
      mux.setCallbackObject({}, listener); // nobody is told of its end
      mux.close(listener);
    }
    this.#drain = new Drain(mux, { seconds: this.#isHurried ? 0 : this.server.drain_timeout, rate: this.server.drain_rate });
    await this.#drain.run();
    mux.endLoop();
    await this.#looping.catch(() => {}); // run() tells
    if (this.#isLinking) endLinking();
  }

  async #giveUp(failure: FatalError): Promise<never> {
    const first = this.#failure ?? failure;
    if (first !== failure || this.#closing !== undefined) throw first; // it is ending already
    this.#failure = failure;
    const { file, line } = failure.place;
    await this.#attempt('fatal_hook', () => this.fatal_hook(failure, 'netmux', file, line));
    this.#daemon?.failed(failure);
    const time = this.isLogOpen ? `${this.log_time()} ` : '';
    const place = failure.isOfApplication ? `\n  at line ${line} in file ${file}` : '';
    await this.#attempt('log', () => this.log(0, `${time}${failure.message}${place}`));
    await this.server_close(1);
    throw failure;
  }
}

/** A multiplexer that tells the server's log what it cannot tell a callback. */
class ServerMux<Client> extends Mux<Client> {
  readonly #server: { complain(error: unknown, during: string): void };

  constructor(server: { complain(error: unknown, during: string): void }, options: MuxOptions) {
    super(options);
    this.#server = server;
  }

  override complain(error: unknown, fh?: Handle): void {
    this.#server.complain(error, fh === undefined ? '' : peerPrefix(fh));
  }
}

/** A promise and what settles it. Nobody has to look at it. */
function deferred() {
  let resolve!: () => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
