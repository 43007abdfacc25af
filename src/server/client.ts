import type { CallbackError } from '../mux/callbacks.js';
import { type Handle, Listener } from '../mux/handle.js';
import type { InputBuffer } from '../mux/input-buffer.js';
import type { Refused } from '../mux/limits.js';
import type { Mux } from '../mux/mux.js';
import type { PeerName } from './access/peer-names.js';
import type { MultiplexServer } from './multiplex-server.js';

/** What a client needs of its server. */
export interface Logging {
  log(level: number, text: string, ...values: unknown[]): void;
}

/** Names of fields that no application can need for itself. */
const REMOTE = Symbol('remote');
const LOCAL = Symbol('local');

/** One end of a connection. */
interface Endpoint {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/**
 * What stands for one connection: the `mux_*` callbacks are its methods, its fields are whatever the application wants to keep. It is
 * made when the connection is accepted, so that the hooks that decide about it have it already.
 *
 * A server has one more of them, the shared listen object: it is told of clients that were refused and of datagrams, and its
 * `fh` is the first listener.
 *
 * Callbacks have to be methods of the class, not functions in fields. (Net::Server::Multiplex::MUX)
 *
 * @typeParam Server the server's class, so that `netServer` has its methods
 */
export class MultiplexClient<Server extends Logging = MultiplexServer> {
  // A million of these may exist: no private names (each costs a mark), nothing that is not needed by every connection.
  /** The server that it is a client of. */
  declare readonly netServer: Server;
  /** Its connection, whose `data` leads back to this object. */
  declare readonly fh: Handle<this>;
  /** When it was accepted, in seconds since 1970. */
  declare readonly connected: number;
  /** @internal */
  declare [REMOTE]: Endpoint | undefined;
  /** @internal */
  declare [LOCAL]: Endpoint | undefined;

  constructor(netServer: Server, fh: Handle) {
    this.netServer = netServer;
    this.fh = fh as Handle<this>;
    this.connected = Math.floor(Date.now() / 1000);
    this[REMOTE] = undefined;
    this[LOCAL] = undefined;
  }

  /** The client's address; `::ffff:` and an IPv4 address where an IPv6 socket serves both; undefined for a UNIX socket. */
  get peeraddr(): string | undefined {
    return remoteEnd(this).address;
  }

  /** The client's port; undefined for a UNIX socket. */
  get peerport(): number | undefined {
    return remoteEnd(this).port;
  }

  /** The client's name, as `reverse_lookups` found it. */
  get peerhost(): string | undefined {
    return names.get(this)?.name;
  }

  /** The address that the client has reached; undefined for a UNIX socket. */
  get sockaddr(): string | undefined {
    return localEnd(this).address;
  }

  /** The port that the client has reached; undefined for a UNIX socket. */
  get sockport(): number | undefined {
    return localEnd(this).port;
  }

  /** As `MultiplexServer.log`. */
  log(level: number, text: string, ...values: unknown[]): void {
    this.netServer.log(level, text, ...values);
  }

  /** The client was admitted. */
  mux_connection?(mux: Mux<this>, fh: Handle<this>): unknown;
  /** Bytes arrived, once per read. What is not consumed is presented again with the next bytes. */
  mux_input?(mux: Mux<this>, fh: Handle<this>, data: InputBuffer): unknown;
  /** The client has finished sending. Unless `allow_half_open`, the server finishes, too, when its output is sent. */
  mux_eof?(mux: Mux<this>, fh: Handle<this>, data: InputBuffer): unknown;
  /** The connection is over. */
  mux_close?(mux: Mux<this>, fh: Handle<this>): unknown;
  /** The timer of `mux.setTimeout(fh, seconds)` is due. */
  mux_timeout?(mux: Mux<this>, fh: Handle<this>): unknown;
  /** All output has been given to the kernel. */
  mux_outbuffer_empty?(mux: Mux<this>, fh: Handle<this>): unknown;
  /** Writing failed since the client is gone; `mux_close` follows. */
  mux_epipe?(mux: Mux<this>, fh: Handle<this>): unknown;
  /** Something went wrong, or a callback has thrown. Without it a line goes to the log at level 1. */
  mux_error?(mux: Mux<this>, fh: Handle<this>, error: CallbackError): unknown;
  /** Limits have kept connections out; on the shared listen object. Without it a line goes to the log at level 1. */
  mux_refused?(mux: Mux<this>, listener: Handle<this>, refused: Refused): unknown;
}

/** The names that were looked up. Few servers ask: a table spares the others a field. */
const names = new WeakMap<object, PeerName>();

export function peerNameOf(client: object): PeerName | undefined {
  return names.get(client);
}

export function setPeerName(client: object, name: PeerName): void {
  names.set(client, name);
}

const NOWHERE: Endpoint = { address: undefined, port: undefined };

/** Connections of UNIX sockets: of the others nobody should pay for the answer. */
const local = new WeakSet<object>();

/** A connection came over a UNIX socket. To be said before anything is asked about it. */
export function markLocal(fh: object): void {
  local.add(fh);
}

/** Who has reset the connection before it was accepted has no address any more, but is announced. */
const GONE: Endpoint = { address: '0.0.0.0', port: 0 };

interface Ends {
  readonly fh: Handle;
  [REMOTE]: Endpoint | undefined;
  [LOCAL]: Endpoint | undefined;
}

/** The kernel is asked once. */
function remoteEnd(client: Ends): Endpoint {
  const { fh, [REMOTE]: known } = client;
  if (known !== undefined) return known;
  const port = fh.remotePort;
  const isLocal = local.has(fh) || fh instanceof Listener;
  const end = port === undefined ? (isLocal ? NOWHERE : GONE) : { address: fh.remoteAddress, port };
  client[REMOTE] = end;
  return end;
}

function localEnd(client: Ends): Endpoint {
  const { fh, [LOCAL]: known } = client;
  if (known !== undefined) return known;
  const port = fh.localPort;
  const end = port === undefined ? NOWHERE : { address: fh.localAddress, port };
  client[LOCAL] = end;
  return end;
}
