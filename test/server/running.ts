/** Servers in the process of the test, ended with it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import {
  type Handle,
  type InputBuffer,
  type Listener,
  MultiplexClient,
  MultiplexServer,
  type Mux,
  type RunControl,
  type ServerOptions,
} from '../../src/index.js';
import { engineOption, type TestedEngine } from '../engines.js';
import { Journal, shown } from '../mux/journal.js';
import { Peer, type PeerOptions } from '../mux/peer.js';

/** Any class of servers. */
interface Runnable {
  run(options?: ServerOptions & RunControl): Promise<void>;
  close(): Promise<void>;
  readonly ready: Promise<void>;
}

/** What every server of a test has: a port of the kernel's choice, a command line without words, a log that says nothing. */
export function testOptions(engine: TestedEngine, options: ServerOptions & RunControl = {}): ServerOptions & RunControl {
  return { engine: engineOption(engine), host: '127.0.0.1', port: 0, ipv: 4, log_level: 0, argv: [], ...options };
}

/** Runs a server that is closed when the test is over, at the latest. @returns how it ends; a rejection is only seen by who looks */
export function run(server: Runnable, engine: TestedEngine, options: ServerOptions & RunControl = {}): Promise<void> {
  const over = server.run(testOptions(engine, options));
  over.catch(() => {});
  onTestFinished(async () => {
    await server.close();
    process.exitCode = 0; // a fatal error of a server is not one of the test
  });
  return over;
}

/** As `run`. @returns the server when it serves */
export async function start<Server extends Runnable>(
  server: Server,
  engine: TestedEngine,
  options: ServerOptions & RunControl = {},
): Promise<Server> {
  void run(server, engine, options);
  await server.ready;
  return server;
}

/** A client of the server's first port, or the one with that index. */
export function connectTo(server: { readonly listeners: readonly Listener[] }, options?: PeerOptions, index = 0): Promise<Peer> {
  const listener = server.listeners[index];
  if (listener === undefined) throw new Error(`the server has no listener ${index}`);
  return Peer.connect(listener.path ?? (listener.localPort as number), options);
}

/** A socket that sends datagrams to ports of 127.0.0.1, and receives answers. */
export async function openDatagramPeer(address = '127.0.0.1') {
  const socket = createSocket('udp4').bind(0, address);
  onTestFinished(() => {
    socket.close();
  });
  await once(socket, 'listening');
  return {
    send: (text: string, port: number) => new Promise((sent) => socket.send(text, port, '127.0.0.1', sent)),
    receive: async () => String(((await once(socket, 'message')) as [Buffer])[0]),
  };
}

export class RecordedClient extends MultiplexClient<RecordedServer> {
  /** In the order of accepting; the shared listen object has none. */
  id = 0;

  get journal(): Journal {
    return this.netServer.journal;
  }

  get name(): string {
    return this.id === 0 ? 'shared' : `c${this.id}`;
  }

  override mux_connection(_mux: Mux<RecordedClient>, _fh: Handle<RecordedClient>): unknown {
    this.journal.add(`mux_connection ${this.name}`);
    return undefined;
  }

  override mux_input(_mux: Mux<RecordedClient>, _fh: Handle<RecordedClient>, data: InputBuffer): unknown {
    this.journal.add(`mux_input ${this.name} ${shown(data)}`);
    return data.consume();
  }

  override mux_eof(_mux: Mux<RecordedClient>, _fh: Handle<RecordedClient>, data: InputBuffer): unknown {
    this.journal.add(`mux_eof ${this.name} ${shown(data)}`);
    return undefined;
  }

  override mux_close(_mux: Mux<RecordedClient>, _fh: Handle<RecordedClient>): unknown {
    this.journal.add(`mux_close ${this.name}`);
    return undefined;
  }
}

/** A server that writes down its callbacks, its closing hooks and its log. */
export class RecordedServer extends MultiplexServer<RecordedClient> {
  override Client: new (server: RecordedServer, fh: Handle) => RecordedClient = RecordedClient;
  readonly journal = new Journal();
  /** `LEVEL TEXT` of each message; nothing with the log level of tests. */
  readonly logged: string[] = [];

  override write_to_log_hook(level: number, text: string): void {
    this.logged.push(`${level} ${text}`);
  }

  override get_client_info(client: RecordedClient): void | Promise<void> {
    client.id = this.requests;
    return super.get_client_info(client);
  }

  override pre_server_close_hook(): void | Promise<void> {
    this.journal.add('pre_server_close_hook');
  }

  override server_exit(value?: number): void {
    this.journal.add(`server_exit ${value}`);
  }
}
