/**
 * What the servers of the scenarios have in common: the log of events, the options, and a server that writes the usual events and
 * then does what its own class says.
 */
import { appendFileSync } from 'node:fs';
import {
  type Handle,
  type InputBuffer,
  type MultiplexClient,
  MultiplexServer,
  type Mux,
  type RunControl,
  type ServerOptions,
} from 'netmux';

export type { Handle, InputBuffer, Mux };

/** Longer texts are cut in the log of events. */
const SHOWN_CHARACTERS = 60;

/** A variable of the environment that the runner sets. */
export function setting(name: 'SCN_PORT' | 'SCN_PORT2' | 'SCN_LOG' | 'SCN_TMP' | 'SCN_DIR'): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: scenarios are played by runner.py`);
  return value;
}

/** Appends a line to the log of events. */
export function ev(...words: readonly unknown[]): void {
  appendFileSync(setting('SCN_LOG'), `${words.join(' ')}\n`);
}

/** Text as events show it: what is not printable ASCII, and the backslash, as `\xHH`. */
export function show(text: string | Uint8Array | InputBuffer): string {
  const characters =
    typeof text === 'string' ? text : text instanceof Uint8Array ? Buffer.from(text).toString('latin1') : text.toString('latin1');
  const shown = characters.replace(/[^ -~]|\\/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)}...` : shown;
}

/** The words of the command line behind the scenario's name. */
export const argv: readonly string[] = process.argv.slice(3);

const DEFAULTS: ServerOptions & RunControl = {
  port: Number(process.env.SCN_PORT),
  host: '127.0.0.1',
  ipv: 4,
  proto: 'tcp',
  log_level: 0,
  argv,
  handle_signals: true,
  // As the originals are unless told otherwise.
  no_client_stdout: false,
  max_outbuffer: 0,
  max_inbuffer: 0,
  read_size: 8192,
  drain_timeout: 1,
};

/** The options of a scenario's server: `conf({ … })` adds some; spread, `{ ...conf }`, it is the defaults. */
export const conf = Object.assign((options: ServerOptions & RunControl = {}) => ({ ...DEFAULTS, ...options }), DEFAULTS);

/** Holds up the thread, as a callback does that computes for too long. */
export function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Prints to whom standard output is linked. */
export function print(text: string): void {
  process.stdout.write(text);
}

export function runningPath(name: string): string {
  return `${setting('SCN_TMP')}/${name}`;
}

/** The object that stands for a client; on the shared listen object nobody sets the number. */
export interface Client extends MultiplexClient<Usual> {
  id?: number;
  /** What some scenarios keep with it. */
  seen?: string;
  count?: number;
}

/** The name of a client in the log of events. */
export function nameOf(client: { readonly id?: number }): string {
  return client.id === undefined ? 'shared' : `c${client.id}`;
}

/** Writes the usual events. What the server of a scenario does beside that are its steps. */
export class Usual extends MultiplexServer<Client> {
  override pre_loop_hook(): void {
    ev('ready');
  }

  connected(_fh: Handle<Client>, _client: Client, _mux: Mux<Client>): unknown {
    return undefined;
  }

  heard(_fh: Handle<Client>, data: InputBuffer, _client: Client, _mux: Mux<Client>): unknown {
    return data.consume();
  }

  override mux_connection(this: Client, mux: Mux<Client>, fh: Handle<Client>): unknown {
    this.id = this.netServer.requests;
    ev('mux_connection', nameOf(this));
    return this.netServer.connected(fh, this, mux);
  }

  override mux_input(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): unknown {
    ev('mux_input', nameOf(this), `buf=${show(data)}`);
    return this.netServer.heard(fh, data, this, mux);
  }

  override mux_eof(this: Client, _mux: Mux<Client>, _fh: Handle<Client>, data: InputBuffer): void {
    ev('mux_eof', nameOf(this), `buf=${show(data)}`);
  }

  override mux_close(this: Client, _mux: Mux<Client>, _fh: Handle<Client>): void {
    ev('mux_close', nameOf(this));
  }
}

/** With the hooks of admission as events. */
export class Admitting extends Usual {
  override post_accept_hook(): void {
    ev(`post_accept_hook requests=${this.requests}`);
  }

  override allow_deny_hook(): boolean {
    ev('allow_deny_hook');
    return true;
  }

  override request_denied_hook(): void {
    ev('request_denied_hook');
    print('denied\n');
  }

  override post_process_request_hook(): void {
    ev('post_process_request_hook');
  }
}

/** With timers as events. */
export class Timed extends Usual {
  rang(_fh: Handle<Client>, _client: Client): void {}

  override mux_timeout(this: Client, _mux: Mux<Client>, fh: Handle<Client>): void {
    ev('mux_timeout', nameOf(this));
    (this.netServer as Timed).rang(fh, this);
  }
}

/** With the first three calls of `run_dequeue` as events. */
export class Dequeuing extends Timed {
  calls = 0;

  override run_dequeue(): void {
    this.calls += 1;
    if (this.calls <= 3) ev(`run_dequeue on-server=${'netServer' in this ? 0 : 1}`);
  }
}
