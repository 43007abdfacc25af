import { NetmuxTypeError, shown } from '../errors.js';
import { CALLBACK_NAMES, type MuxCallbacks } from '../mux/callbacks.js';
import type { Logging, MultiplexClient } from './client.js';
import type { RunControl } from './configured-server.js';
import type { ClientClass } from './connection-class.js';
import type { ServerHooks } from './hooks.js';
import { hookNames } from './misspelt.js';
import { MultiplexServer } from './multiplex-server.js';
import type { OptionTable } from './options/option-row.js';
import type { ServerOptions } from './options/server-options.js';
import type { OptionTaker } from './options/sources.js';

/** The callbacks of a server that is an object; `this` stands for the client. */
type Callbacks<Client extends MultiplexClient<Logging>> = Pick<MultiplexServer<Client>, keyof MuxCallbacks>;

/** What may be overridden; `this` is the server. */
type Methods<Client extends MultiplexClient<Logging>> = {
  [Name in keyof ServerHooks<Client> | MethodName]?: MultiplexServer<Client>[Name];
} & ThisType<MultiplexServer<Client>>;

/** Methods that are more than hooks. */
type MethodName =
  | 'options'
  | 'default_values'
  | 'default_port'
  | 'write_to_log_hook'
  | 'handle_log_error'
  | 'handle_syslog_error'
  | 'allow_deny'
  | 'get_client_info'
  | 'sig_hup'
  | 'server_exit';

/**
 * What `serve` takes: options, callbacks and hooks in one object.
 *
 * @typeParam Client the class of the objects that stand for connections
 * @typeParam Options the application's options beside the server's
 */
export type ServeOptions<Client extends MultiplexClient<Logging> = MultiplexClient, Options extends object = object> = ServerOptions &
  // Named where it is wanted, and never guessed from what was written: that would allow any name.
  Readonly<Partial<[Options][Options extends unknown ? 0 : never]>> &
  RunControl &
  Methods<Client> &
  Callbacks<Client> & {
    /** The class of the clients, in the place of callbacks of the object. */
    readonly Client?: ClientClass<Client>;
  };

/** A server, as programs need it that do not know its class. */
interface Runnable {
  run(options: object): Promise<void>;
  options(): OptionTable;
  default_values(): object;
  default_port(): number | string;
  readonly logsToStderr: boolean;
}

/** A server that has not run yet, and the options for its `run()`. */
export interface Servable {
  readonly server: Runnable;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Runs a server that is an object: options, callbacks and hooks side by side. It is meant for programs: it handles the signals, unless
 * `handle_signals` is false, and turns a fatal error into a line on stderr and the exit code 1.
 *
 * @returns the server, at once: `ready` tells when it serves, `close()` ends it
 * @throws NetmuxTypeError for what is no such object, and for a callback or a hook that is no function
 */
export function serve<Client extends MultiplexClient<Logging> = MultiplexClient, Options extends object = object>(
  server: ServeOptions<Client, Options>,
): MultiplexServer<Client> {
  checkServed(server);
  const { server: served, options } = fromObject(server);
  runProgram({ server: served as Runnable, options }).catch(() => {});
  return served;
}

/**
 * What can be served: a class of servers, a server, an object for `serve()`. They are known by what they have: a program that installs
 * netmux for itself has classes of its own.
 * @throws what the constructor of a class throws
 */
export function servableFrom(given: unknown): Servable | undefined {
  if (isRunnable(given)) return { server: given, options: {} };
  if (typeof given === 'function') return isRunnable(given.prototype) ? { server: Reflect.construct(given, []), options: {} } : undefined;
  if (typeof given !== 'object' || given === null) return undefined;
  const serves = Object.entries(given).some(
    ([name, value]) => typeof value === 'function' && (name === 'Client' || name.startsWith('mux_')),
  );
  return serves ? (fromObject(given as ServeOptions) as Servable) : undefined;
}

/**
 * Runs a server that is all that a program does: with signals, and with a fatal error as a line on stderr and the exit code 1.
 * @returns a promise that rejects with that error
 */
export async function runProgram({ server, options }: Servable, control: RunControl = {}): Promise<void> {
  try {
    await server.run({ handle_signals: true, ...options, ...control });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'NETMUX_ALREADY_RUNNING') return; // its module runs it
    // The log may have told it there already.
    if (!server.logsToStderr) process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode ||= 1;
    throw error;
  }
}

function checkServed(given: unknown): void {
  const needed = 'serve: options and callbacks in one object are needed';
  if (isRunnable(given)) throw new NetmuxTypeError(`${needed}, not a server: call its run()`);
  if (typeof given === 'function' && isRunnable(given.prototype)) {
    throw new NetmuxTypeError(`${needed}, not a class of servers: call its run()`);
  }
  if (typeof given !== 'object' || given === null) throw new NetmuxTypeError(`${needed}, not ${shown(given)}`);
}

function fromObject<Client extends MultiplexClient<Logging>>(object: ServeOptions<Client>) {
  const called: readonly string[] = [...CALLBACK_NAMES, ...hookNames(MultiplexServer)];
  class ServedObject extends MultiplexServer<Client> {
    override get optionTaker(): OptionTaker {
      return { name: 'serve()', members: ['Client', ...called] };
    }
  }
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    const isMethod = typeof value === 'function' && (name.startsWith('mux_') || name in ServedObject.prototype || name === 'run_dequeue');
    if (isMethod) Object.defineProperty(ServedObject.prototype, name, { value, writable: true, configurable: true });
    else if (value !== undefined && called.includes(name))
      throw new NetmuxTypeError(`serve: ${name} must be a function, not ${shown(value)}`);
    else if (name !== 'Client' && value !== undefined) options[name] = value;
  }
  const server = new ServedObject();
  if (object.Client !== undefined) server.Client = object.Client;
  return { server, options };
}

function isRunnable(given: unknown): given is Runnable {
  if (typeof given !== 'object' || given === null) return false;
  const { run, options, default_values } = given as Partial<Runnable>;
  return [run, options, default_values].every((member) => typeof member === 'function');
}
