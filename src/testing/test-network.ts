import { subjectOf } from '../engine/address.js';
import type { EngineObject } from '../engine/engine.js';
import { NetmuxTypeError, shown, systemError } from '../errors.js';
import { checkedInteger } from '../mux/socket-options.js';
import { AddressBook, type Bound } from './address-book.js';
import { DatagramPeer } from './datagram-peer.js';
import type { Joined } from './end.js';
import { MemoryEngine } from './memory-engine.js';
import { Peer } from './peer.js';
import { addressOf, type Place } from './place.js';

const MS_PER_SECOND = 1000;

/** Small enough that a test meets its end, large enough that a message does not. */
const DEFAULT_SOCKET_BUFFER = 64 * 1024;

const DEFAULT_MAX_HANDLES = 1024;

const MAX_SOCKET_BUFFER = 2 ** 30;
const MAX_HANDLES = 2 ** 20;

/** Rounds of Node's loop in which what was begun with a promise is through, also where a promise waits for another one. */
const ROUNDS_OF_REST = 3;

/** Options of a network. */
export interface TestNetworkOptions {
  /** Bytes that a connection holds in each direction while nobody reads them. Default 65,536. */
  readonly socketBuffer?: number;
  /** How many sockets there can be; further clients wait, as if the descriptors of a process were used up. Default 1,024. */
  readonly maxHandles?: number;
}

/** Options of a peer that connects. */
export interface PeerOptions {
  /** Reads nothing before `resume`, not even what `mux_connection` writes. Default false. */
  readonly paused?: boolean;
  /** The client's address, where it matters (`allow`, `deny`). Default 127.0.0.1 or ::1, and a port that nobody has. */
  readonly from?: { readonly host: string; readonly port?: number };
}

/**
 * A network in memory, and an engine on it: callbacks are tested without sockets, without waiting and always in the same order.
 * Give `engine` to `new Mux`, to `serve` or to `run`. Networks know nothing of each other.
 *
 * Time stands still until `advance`. All that a call gives rise to has happened when it returns, but what callbacks await: see `settle`.
 */
export class TestNetwork {
  readonly #book: AddressBook;
  readonly #engine: MemoryEngine;
  #isBatching = false;
  readonly #origin_ms: number;

  /**
   * An empty network, at second 0.
   * @throws NetmuxTypeError for an unknown option or a value out of its range
   */
  constructor(options: TestNetworkOptions = {}) {
    const { socketBuffer = DEFAULT_SOCKET_BUFFER, maxHandles = DEFAULT_MAX_HANDLES } = options;
    this.#book = new AddressBook(checkedInteger('TestNetwork', 'socketBuffer', socketBuffer, 1, MAX_SOCKET_BUFFER));
    this.#engine = new MemoryEngine(this.#book, checkedInteger('TestNetwork', 'maxHandles', maxHandles, 1, MAX_HANDLES));
    this.#origin_ms = this.#engine.now();
  }

  /** For the option `engine`. */
  get engine(): EngineObject {
    return this.#engine;
  }

  /** Seconds that have passed. */
  get now(): number {
    return (this.#engine.now() - this.#origin_ms) / MS_PER_SECOND;
  }

  /**
   * A client that connects.
   * @throws a system error, ECONNREFUSED where nobody listens, ENOENT where it is a UNIX path
   */
  connect(to: Place & PeerOptions): Peer {
    const address = addressOf('connect', to);
    const joined = this.#book.dial(address, to.from);
    if (typeof joined === 'number') throw systemError(joined, 'connect', subjectOf(address));
    const peer = new Peer(this, joined, to.paused);
    this.run();
    return peer;
  }

  /**
   * A server outside of the multiplexer, for its outgoing connections.
   * @throws a system error EADDRINUSE
   */
  listen(at: Place): PeerListener {
    return new PeerListener(this, this.#book, at);
  }

  /**
   * A datagram socket outside of the multiplexer.
   * @param at default a port that nobody has, of 127.0.0.1
   * @throws a system error EADDRINUSE
   */
  datagrams(at: Place = { port: 0 }): DatagramPeer {
    return new DatagramPeer(this, this.#book, addressOf('datagrams', at));
  }

  /** Lets time pass; what is due meanwhile happens in its order, each at its time. 0 is for what is due already. */
  advance(seconds: number): void {
    if (!Number.isFinite(seconds) || seconds < 0) {
      throw new NetmuxTypeError(`advance: seconds must be a number from 0 on, not ${shown(seconds)}`);
    }
    this.#engine.advance(seconds * MS_PER_SECOND);
  }

  /** What peers do in the function arrives at once: their callbacks run in one group, as when a busy process gets round to reading. */
  batch(act: () => void): void {
    this.#isBatching = true;
    try {
      act();
    } finally {
      this.#isBatching = false;
    }
    this.run();
  }

  /** Delivers what waits: what was written outside of callbacks, a `resume`. Calls of peers do this by themselves. */
  run(): void {
    if (!this.#isBatching) this.#engine.turn();
  }

  /** As `run`, and waits for what callbacks await, so far as it does not wait for time or for the world outside. */
  async settle(): Promise<void> {
    for (let round = 0; round < ROUNDS_OF_REST; round += 1) {
      this.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.run();
  }
}

/** A server outside of the multiplexer. */
export class PeerListener {
  readonly #network: TestNetwork;
  readonly #place: Bound;
  readonly #accepted: Peer[] = [];

  /** @internal */
  constructor(network: TestNetwork, book: AddressBook, at: Place) {
    this.#network = network;
    this.#place = book.listen(addressOf('listen', at), {
      accept: (joined: Joined) => void this.#accepted.push(new Peer(network, joined)),
    });
  }

  /** 0 of a UNIX socket. */
  get port(): number {
    const { address } = this.#place;
    return address.family === 'unix' ? 0 : address.port;
  }

  /** The next connection, in the order of their coming; undefined if there is none. */
  accept(): Peer | undefined {
    this.#network.run();
    return this.#accepted.shift();
  }

  /** Listens no more; connections stay. */
  close(): void {
    this.#place.unbind();
  }
}
