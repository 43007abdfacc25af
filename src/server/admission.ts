import { NetmuxError } from '../errors.js';
import { CALLBACK_NAMES, type MuxCallbacks } from '../mux/callbacks.js';
import type { Handle, Listener } from '../mux/handle.js';
import { InputBuffer } from '../mux/input-buffer.js';
import type { Mux } from '../mux/mux.js';
import { isThenable } from '../mux/thenable.js';
import { type Logging, type MultiplexClient, markLocal } from './client.js';
import type { ConnectionClass } from './connection-class.js';
import { link, unlink } from './linked-output.js';
import type { MultiplexServer } from './multiplex-server.js';

/** Seconds in which a refused client has to read what it was told. */
const LAST_WORDS_SECONDS = 5;

/** Level of the log lines about single clients. */
const INFORMATION = 3;

/** Refusals for want of room are told of no more often. */
const FLOOD_LINE_MS = 1000;

/** What is asked about a client, in this order; from the third on the answer decides. */
const QUESTIONS = ['get_client_info', 'post_accept_hook', 'allow_deny', 'allow_deny_hook'] as const;
const FIRST_VERDICT = QUESTIONS.indexOf('allow_deny');

export interface AdmissionLimits {
  /** Standard output is the client's during hooks and callbacks. */
  readonly isLinked: boolean;
  /** Clients that wait for a promise at the same time. */
  readonly pending: number;
  /** Seconds that the questions about one client may take. */
  readonly seconds: number;
}

/**
 * Lets connections in, or not. As long as no question about it is answered by a promise, a connection is announced in the callback
 * that has accepted it; otherwise it waits, unread.
 */
export class Admission<Client extends MultiplexClient<Logging>> {
  /** The shared listen object. */
  readonly shared: Client;
  readonly #server: MultiplexServer<Client>;
  readonly #mux: Mux<Client>;
  readonly #limits: AdmissionLimits;
  readonly #Connection: ConnectionClass<Client>;
  /** The callbacks of connections that are not admitted: refused, or waiting. */
  readonly #outside: MuxCallbacks<Client>;
  /** Connections whose verdict is a promise. */
  readonly #waiting = new Set<object>();
  /** Refused since the last line about it. */
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /**
   * @param Connection the class of the objects to make
   * @param first the first listener
   */
  constructor(server: MultiplexServer<Client>, Connection: ConnectionClass<Client>, first: Handle<Client>, limits: AdmissionLimits) {
    this.#server = server;
    this.#mux = server.mux;
    this.#limits = limits;
    this.#Connection = Connection;
    this.shared = new this.#Connection(server, first);
    this.#outside = outside(this.shared);
  }

  /** Whether a connection is still being decided about. */
  isPending(fh: object): boolean {
    return this.#waiting.has(fh);
  }

  /** The callbacks of a listener: connections come here, all else is the shared object's. */
  listening(listener: Listener<Client>): MuxCallbacks<Client> {
    // What the kernel says of a connection that is gone already would look like a UNIX socket, whose clients no rule concerns.
    const isLocal = listener.localPort === undefined;
    return {
      mux_refused: (_mux, _listener, { count, reason }) => this.#server.log(1, 'Connections kept out by limits: %d (%s)', count, reason),
      ...forwarded(this.shared),
      mux_connection: (_mux, fh) => {
        if (isLocal) markLocal(fh);
        return this.#accept(fh);
      },
    };
  }

  /**
   * The callbacks of a datagram socket: the shared object's, for those senders who are admitted.
   * @param admits whether datagrams of an address are wanted
   */
  receiving(admits: (address: string) => boolean): MuxCallbacks<Client> {
    const { shared } = this;
    return {
      ...forwarded(shared),
      mux_input: (mux, fh, data) => {
        const peer = mux.udpPeer(fh);
        if (peer !== undefined && 'address' in peer && !admits(peer.address)) return undefined;
        return shared.mux_input?.(mux, fh, data);
      },
    };
  }

  /** Asks the questions. @returns the verdict, or a promise of it where one of the answers was a promise */
  ask(client: Client, from = 0): boolean | Promise<boolean> {
    for (let at = from; at < QUESTIONS.length; at += 1) {
      const answer = this.#linked(client, () => this.#server[QUESTIONS[at]!](client));
      if (isThenable(answer)) return this.#askOn(client, at, answer);
      if (at >= FIRST_VERDICT && !answer) return false;
    }
    return true;
  }

  async #askOn(client: Client, at: number, answer: PromiseLike<unknown>): Promise<boolean> {
    const answered = await answer;
    const isOver = !client.fh.writable; // refused meanwhile, since it took too long, or closed by a hook
    if (isOver || (at >= FIRST_VERDICT && !answered)) return false;
    return this.ask(client, at + 1);
  }

  #accept(fh: Handle<Client>): unknown {
    let client: Client | undefined;
    let verdict: boolean | PromiseLike<boolean> = false;
    try {
      client = new this.#Connection(this.#server, fh);
      fh.data = client;
      verdict = this.#server.setup_client_connection(client);
    } catch (error) {
      this.#complain(error);
    }
    if (client === undefined) return this.#dismiss(fh);
    if (!isThenable(verdict)) return verdict ? this.#admit(client) : this.#refuse(client);
    void this.#wait(client, verdict);
    return undefined;
  }

  async #wait(client: Client, verdict: PromiseLike<boolean>): Promise<void> {
    const { fh } = client;
    if (this.#waiting.size >= this.#limits.pending) {
      this.#tellOfFlood();
      Promise.resolve(verdict).catch(() => {});
      this.#refuse(client);
      return;
    }
    this.#waiting.add(fh);
    this.#mux.setCallbackObject(this.#outside, fh);
    fh.pause();
    const isAdmitted = await beforeDeadline(verdict, this.#limits.seconds).catch((error) => this.#complain(error));
    this.#waiting.delete(fh);
    if (fh.closed) return;
    fh.resume();
    if (!isAdmitted) {
      this.#refuse(client);
      return;
    }
    try {
      await this.#admit(client);
    } catch (error) {
      this.#mux.dispatcher.lifecycle.failed(fh, error);
    }
  }

  /** Whoever floods the server is not to fill its disk as well. */
  #tellOfFlood(): void {
    this.#untold += 1;
    const now = performance.now();
    if (now < this.#toldAt + FLOOD_LINE_MS) return;
    this.#server.log(1, 'More than %d clients wait to be admitted: %d refused', this.#limits.pending, this.#untold);
    this.#untold = 0;
    this.#toldAt = now;
  }

  #admit(client: Client): unknown {
    const { fh } = client;
    if (fh.closed) return undefined; // by a hook
    this.#mux.setCallbackObject(client, fh);
    return client.mux_connection?.(this.#mux, fh);
  }

  #refuse(client: Client): void {
    this.#logRefusal(client);
    this.#mux.setCallbackObject(this.#outside, client.fh);
    try {
      const result: unknown = this.#linked(client, () => this.#server.request_denied_hook(client));
      if (isThenable(result)) result.then(undefined, (error) => this.#complain(error));
    } catch (error) {
      this.#complain(error);
    }
    this.#dismiss(client.fh);
  }

  #logRefusal({ peeraddr, peerport }: Client): void {
    if (peeraddr === undefined) this.#server.log(INFORMATION, '%s REFUSE UNIX Socket', this.#server.log_time());
    else this.#server.log(INFORMATION, '%s REFUSE TCP Peer: "[%s]:%d"', this.#server.log_time(), peeraddr, peerport);
  }

  #dismiss(fh: Handle<Client>): void {
    this.#mux.setCallbackObject(this.#outside, fh);
    fh.setTimeout(LAST_WORDS_SECONDS);
    fh.close();
  }

  #linked<Result>(client: Client, hook: () => Result): Result {
    if (!this.#limits.isLinked) return hook();
    const outer = link(client.fh);
    try {
      return hook();
    } finally {
      unlink(outer);
    }
  }

  #complain(error: unknown): false {
    this.#server.complain(error, 'A client is refused: ');
    return false;
  }
}

/** The callbacks that an object has, called on that object. */
function forwarded<Client extends MuxCallbacks<Client>>(shared: Client): MuxCallbacks<Client> {
  const methods = shared as unknown as Record<string, ((...values: unknown[]) => unknown) | undefined>;
  return Object.fromEntries(
    CALLBACK_NAMES.filter((name) => methods[name] !== undefined).map((name) => [name, (...values: unknown[]) => methods[name]!(...values)]),
  );
}

/**
 * The callbacks of connections that the application must not hear from. Their end is told to the shared object: `mux_eof` and
 * `mux_close`, once each.
 */
function outside<Client extends MuxCallbacks<Client>>(shared: Client): MuxCallbacks<Client> {
  const ended = new WeakSet<Handle<Client>>();
  return {
    mux_input: (_mux, _fh, data) => data.consume(),
    mux_eof: (mux, fh, data) => {
      ended.add(fh);
      data.consume();
      return shared.mux_eof?.(mux, fh, data);
    },
    mux_timeout: (mux, fh) => mux.close(fh),
    mux_close: (mux, fh) => {
      try {
        if (!ended.has(fh)) shared.mux_eof?.(mux, fh, nothing());
      } finally {
        shared.mux_close?.(mux, fh);
      }
    },
  };
}

function nothing(): InputBuffer {
  const input = new InputBuffer();
  input.present(Buffer.alloc(0), 0, 0);
  return input;
}

/** @throws NetmuxError `NETMUX_ADMISSION_TIMEOUT` */
async function beforeDeadline(verdict: PromiseLike<boolean>, seconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    const late = () => reject(new NetmuxError('NETMUX_ADMISSION_TIMEOUT', `no answer within ${seconds} s (allow_deny_timeout)`));
    timer = setTimeout(late, 1000 * seconds);
  });
  try {
    return await Promise.race([verdict, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
