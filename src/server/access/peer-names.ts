import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { NetmuxError } from '../../errors.js';
import { ADDRESS_WORDS, MAX_ADDRESS_WORDS, readAddress } from './address-words.js';
import type { FoundName } from './rules.js';

/** Enough for a second try at a name server that lost a packet. */
export const DEFAULT_LOOKUP_TIMEOUT_MS = 5_000;

const TRIES = 2;

/** What a name server answers when there is none. Every other error is a failure. */
const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA']);

/** Whoever owns an address may write anything into its name; this is what the names of hosts are made of. */
const HOST_NAME = /^[\w.-]{1,255}$/;

export interface PeerName extends FoundName {
  /** The addresses of the name, in the family of the peer (`peerhost_rev`); empty where they were not asked for. */
  readonly forward: readonly string[];
}

export interface PeerNamesOptions {
  /** For one peer, its name and the way back together. */
  readonly timeoutMs?: number;
  /** Name servers as `address:port`. Default: the system's. */
  readonly servers?: readonly string[];
  /** A table of hosts, which is asked before the servers. Default: `/etc/hosts` as it is now. */
  readonly hosts?: string;
}

/**
 * Looks up the names of peers: in the table of hosts, then by DNS. No thread waits for an answer. `getnameinfo`, which the original
 * calls, would hold one of the few threads that Node has for files and names, and a slow name server soon all of them.
 */
export class PeerNames {
  readonly #resolver: Resolver;
  readonly #timeoutMs: number;
  readonly #hosts: HostsTable;

  constructor(options: PeerNamesOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_LOOKUP_TIMEOUT_MS;
    this.#resolver = new Resolver({ timeout: Math.max(1, Math.ceil(this.#timeoutMs / TRIES)), tries: TRIES });
    if (options.servers !== undefined) this.#resolver.setServers(options.servers);
    this.#hosts = new HostsTable(options.hosts ?? readSystemHosts());
  }

  /**
   * @param address of the peer
   * @param options `confirm`: also ask whether the name leads back to the address
   * @returns without `name` where there is none
   * @throws NetmuxError `NETMUX_LOOKUP_FAILED`: no answer in time, or an error of the name server, which is the `cause`
   */
  async find(address: string, options: { readonly confirm: boolean }): Promise<PeerName> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.#timeoutMs} ms`)), this.#timeoutMs);
    });
    try {
      return await Promise.race([this.#find(address, options.confirm), deadline]);
    } catch (error) {
      throw new NetmuxError('NETMUX_LOOKUP_FAILED', `looking up the name of ${address}: ${(error as Error).message}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  async #find(address: string, confirm: boolean): Promise<PeerName> {
    const key = addressKey(address);
    const found = key === undefined ? undefined : (this.#hosts.nameOf(key) ?? (await this.#ask('PTR', reverseName(key))).at(0));
    // A name that reads as an address could match an entry that was written for that address.
    if (key === undefined || found === undefined || !HOST_NAME.test(found) || isIP(found) !== 0) return { confirmed: false, forward: [] };
    if (!confirm) return { name: found, confirmed: false, forward: [] };
    const known = this.#hosts.addressesOf(found, key.family);
    const forward = known.length > 0 ? known : await this.#ask(key.family === 4 ? 'A' : 'AAAA', found);
    return { name: found, confirmed: forward.some((other) => addressKey(other)?.text === key.text), forward };
  }

  async #ask(type: 'PTR' | 'A' | 'AAAA', name: string): Promise<readonly string[]> {
    try {
      return await this.#resolver.resolve(name, type);
    } catch (error) {
      if (NO_SUCH_NAME.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  }
}

/** An address in a form that is the same for all ways to write it. */
interface AddressKey {
  readonly family: 4 | 6;
  /** Its hexadecimal digits. */
  readonly text: string;
}

function addressKey(address: string): AddressKey | undefined {
  const words = new Uint32Array(MAX_ADDRESS_WORDS);
  const family = readAddress(address, words);
  if (family === 0) return undefined;
  const digits = Array.from(words.subarray(0, ADDRESS_WORDS[family]), (word) => word.toString(16).padStart(8, '0'));
  return { family, text: digits.join('') };
}

/** The name under which DNS has the name of an address. */
function reverseName({ family, text }: AddressKey): string {
  if (family === 6) return `${[...text].reverse().join('.')}.ip6.arpa`;
  const bytes = text.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
  return `${bytes.reverse().join('.')}.in-addr.arpa`;
}

/** A table in the form of `/etc/hosts`. */
class HostsTable {
  readonly #names = new Map<string, string>();
  readonly #addresses = new Map<string, readonly { readonly address: string; readonly family: 4 | 6 }[]>();

  constructor(table: string) {
    for (const line of table.split('\n')) {
      const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/) as [string, ...string[]];
      const key = addressKey(address);
      if (key === undefined || names[0] === undefined) continue;
      if (!this.#names.has(key.text)) this.#names.set(key.text, names[0]);
      for (const name of names.map((each) => each.toLowerCase())) {
        this.#addresses.set(name, [...(this.#addresses.get(name) ?? []), { address, family: key.family }]);
      }
    }
  }

  nameOf(key: AddressKey): string | undefined {
    return this.#names.get(key.text);
  }

  addressesOf(name: string, family: 4 | 6): readonly string[] {
    const entries = this.#addresses.get(name.toLowerCase()) ?? [];
    return entries.filter((entry) => entry.family === family).map((entry) => entry.address);
  }
}

function readSystemHosts(): string {
  try {
    return readFileSync('/etc/hosts', 'utf8');
  } catch {
    return '';
  }
}
