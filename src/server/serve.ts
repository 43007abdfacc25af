import type { CallbackError } from '../mux/callbacks.js';
import type { Handle } from '../mux/handle.js';
import type { InputBuffer } from '../mux/input-buffer.js';
import type { Mux } from '../mux/mux.js';
import type { Logging, MultiplexClient } from './client.js';
import type { RunControl } from './configured-server.js';
import type { ClientClass } from './connection-class.js';
import type { ServerHooks } from './hooks.js';
import { MultiplexServer } from './multiplex-server.js';
import type { ServerOptions } from './options/table.js';

/** The callbacks of a server that is an object; `this` stands for the client. */
interface Callbacks<Client> {
  mux_connection?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  mux_input?(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): unknown;
  mux_eof?(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): unknown;
  mux_close?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  mux_timeout?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  mux_outbuffer_empty?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  mux_epipe?(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown;
  mux_error?(this: Client, mux: Mux<Client>, fh: Handle<Client>, error: CallbackError): unknown;
}

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

export type ServeOptions<Client extends MultiplexClient<Logging> = MultiplexClient> = ServerOptions &
  RunControl &
  Methods<Client> &
  Callbacks<Client> & {
    /** The class of the clients, in the place of callbacks of the object. */
    readonly Client?: ClientClass<Client>;
  };

/**
 * Runs a server that is an object: options, callbacks and hooks side by side. It is meant for programs: it handles the signals, unless
 * `handle_signals` is false, and turns a fatal error into a line on stderr and the exit code 1.
 *
 * @returns the server, at once: `ready` tells when it serves, `close()` ends it
 */
export function serve<Client extends MultiplexClient<Logging> = MultiplexClient>(server: ServeOptions<Client>): MultiplexServer<Client> {
  class ServedObject extends MultiplexServer<Client> {}
  const options: Record<string, unknown> = { handle_signals: true };
  for (const [name, value] of Object.entries(server)) {
    const isMethod = typeof value === 'function' && (name.startsWith('mux_') || name in ServedObject.prototype || name === 'run_dequeue');
    if (isMethod) Object.defineProperty(ServedObject.prototype, name, { value, writable: true, configurable: true });
    else if (name !== 'Client' && value !== undefined) options[name] = value;
  }
  const served = new ServedObject();
  if (server.Client !== undefined) served.Client = server.Client;
  served.run(options as ServerOptions & RunControl).catch((error: Error) => reportFailure(served, error));
  return served;
}

/** A fatal error of a program: a line on stderr, if the log has not told it there already, and a status that is not 0. */
export function reportFailure(server: { readonly logsToStderr: boolean }, error: Error): void {
  if (!server.logsToStderr) process.stderr.write(`${error.message}\n`);
  process.exitCode ||= 1;
}
