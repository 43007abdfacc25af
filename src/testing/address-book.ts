import { constants } from 'node:os';
import { subjectOf } from '../engine/address.js';
import type { Address } from '../engine/engine.js';
import { systemError } from '../errors.js';
import { End, type Joined } from './end.js';

const { EADDRINUSE, ECONNREFUSED, ENOENT } = constants.errno;

/** Where the kernel begins to number ports that nobody has asked for, by the rules of IANA. */
const FIRST_EPHEMERAL_PORT = 49_152;

const MAPPED = '::ffff:';

type PortAddress = Exclude<Address, { readonly family: 'unix' }>;

/** Who listens for connections. */
export interface Acceptor {
  accept(joined: Joined): void;
}

/** Who gets datagrams. */
export interface Receiver {
  receive(payload: Buffer, sender: Address): void;
}

/** A place in the book. */
export interface Bound {
  /** With the port that was chosen. */
  readonly address: Address;
  /** Gives it back. */
  unbind(): void;
}

interface Entry<Holder> {
  readonly address: Address;
  readonly isDual: boolean;
  readonly holder: Holder;
}

/** What is bound where, and how one end finds the other. */
export class AddressBook {
  readonly #acceptors: Entry<Acceptor>[] = [];
  readonly #receivers: Entry<Receiver>[] = [];
  readonly #capacity: number;
  #nextPort = FIRST_EPHEMERAL_PORT;

  /** @param capacity bytes that an end may leave unread before the other has to wait */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @throws a system error EADDRINUSE */
  listen(address: Address, acceptor: Acceptor, ipv6Only = false): Bound {
    return this.#bind(this.#acceptors, address, acceptor, ipv6Only);
  }

  /** @throws a system error EADDRINUSE */
  bind(address: Address, receiver: Receiver, ipv6Only = false): Bound {
    return this.#bind(this.#receivers, address, receiver, ipv6Only);
  }

  /**
   * Connects. The other end is in the queue of who listens when this returns.
   * @param from the address that is seen there; without a port, or at all, one is chosen
   * @returns this end; an errno where nobody listens
   */
  dial(to: Address, from?: { readonly host: string; readonly port?: number }): Joined | number {
    const entry = found(this.#acceptors, unmapped(to));
    if (entry === undefined) return to.family === 'unix' ? ENOENT : ECONNREFUSED;
    const [near, far] = End.pair(this.#capacity);
    const own = this.#ownAddress(to, from);
    const seen = (address: Address) => (entry.address.family === 6 ? mapped(address) : address);
    entry.holder.accept({ end: far, local: seen(to), remote: seen(own) });
    return { end: near, local: own, remote: to };
  }

  /** Sends a datagram; where nobody is bound it is lost. */
  send(from: Address, to: Address, payload: Buffer): void {
    const target = unmapped(to);
    const entry = found(this.#receivers, target);
    if (entry === undefined) return;
    const sender = unmapped(from.family !== 'unix' && isWildcard(from) ? { ...from, ...loopback(target) } : from);
    entry.holder.receive(payload, entry.address.family === 6 ? mapped(sender) : sender);
  }

  /** A port that nobody has. */
  freePort(): number {
    const isTaken = ({ address }: Entry<unknown>) => address.family !== 'unix' && address.port === this.#nextPort;
    while (this.#acceptors.some(isTaken) || this.#receivers.some(isTaken)) this.#nextPort += 1;
    this.#nextPort += 1;
    return this.#nextPort - 1;
  }

  #ownAddress(to: Address, from?: { readonly host: string; readonly port?: number }): Address {
    if (to.family === 'unix') return { family: 'unix', path: '' };
    const { host, family } = from === undefined ? loopback(to) : { host: from.host, family: to.family };
    return { family, host, port: from?.port ?? this.freePort() };
  }

  #bind<Holder>(entries: Entry<Holder>[], wanted: Address, holder: Holder, ipv6Only: boolean): Bound {
    const address = wanted.family !== 'unix' && wanted.port === 0 ? { ...wanted, port: this.freePort() } : wanted;
    const entry = { address, holder, isDual: address.family === 6 && isWildcard(address) && !ipv6Only };
    if (entries.some((other) => overlap(entry, other))) throw systemError(EADDRINUSE, 'bind', subjectOf(address));
    entries.push(entry);
    const unbind = () => {
      const at = entries.indexOf(entry);
      if (at >= 0) entries.splice(at, 1);
    };
    return { address, unbind };
  }
}

/** Who is bound to an address, or to all of them. */
function found<Holder>(entries: readonly Entry<Holder>[], to: Address): Entry<Holder> | undefined {
  return entries.find(({ address, isDual }) => {
    if (to.family === 'unix' || address.family === 'unix')
      return to.family === 'unix' && address.family === 'unix' && to.path === address.path;
    if (to.port !== address.port) return false;
    return isDual || (address.family === to.family && (isWildcard(address) || address.host === to.host));
  });
}

function overlap(one: Entry<unknown>, other: Entry<unknown>): boolean {
  const [a, b] = [one.address, other.address];
  if (a.family === 'unix' || b.family === 'unix') return a.family === 'unix' && b.family === 'unix' && a.path === b.path;
  if (a.port !== b.port) return false;
  if (one.isDual || other.isDual) return true;
  return a.family === b.family && (a.host === b.host || isWildcard(a) || isWildcard(b));
}

function isWildcard({ host }: PortAddress): boolean {
  return host === '::' || host === '0.0.0.0';
}

function loopback({ family }: Address): { family: 4 | 6; host: string } {
  return family === 6 ? { family: 6, host: '::1' } : { family: 4, host: '127.0.0.1' };
}

/** As a socket that serves both families sees an IPv4 address. */
function mapped(address: Address): Address {
  return address.family === 4 ? { family: 6, host: MAPPED + address.host, port: address.port } : address;
}

function unmapped(address: Address): Address {
  if (address.family !== 6 || !address.host.startsWith(MAPPED)) return address;
  return { family: 4, host: address.host.slice(MAPPED.length), port: address.port };
}
