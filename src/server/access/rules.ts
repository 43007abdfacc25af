import { NetmuxError } from '../../errors.js';
import { ADDRESS_WORDS, MAX_ADDRESS_WORDS, readAddress } from './address-words.js';
import { readBlock } from './block.js';
import { CidrTrie } from './cidr-trie.js';
import { entryExpression, patternProblem } from './entry-expression.js';

type Entries<Entry> = Entry | readonly Entry[];

/** The four options that say who may connect. Each is a list; one entry may stand for itself. */
export interface AccessLists {
  /** Regular expressions for the address of a peer, or its name. The whole of it must match. */
  readonly allow?: Entries<string | RegExp>;
  readonly deny?: Entries<string | RegExp>;
  /** Blocks of addresses (`10.0.0.0/8`, `2001:db8::/32`) or single ones. */
  readonly cidr_allow?: Entries<string>;
  readonly cidr_deny?: Entries<string>;
}

/** What `PeerNames` found out about a peer. */
export interface FoundName {
  readonly name?: string;
  /** The name leads back to the peer's address. */
  readonly confirmed: boolean;
}

const NAMELESS: FoundName = { confirmed: false };

/**
 * Who may connect (`Net::Server` `allow_deny`): without any entry everybody; else `deny` and `cidr_deny` refuse, then `allow` and
 * `cidr_allow` admit, and everybody else is refused. UNIX sockets have no address: do not ask for them.
 */
export class AccessRules {
  /** There is no entry: everybody is admitted. */
  readonly isEmpty: boolean;
  /** What the operator should be told at start-up. */
  readonly warning: string | undefined;
  readonly #allow: readonly RegExp[];
  readonly #deny: readonly RegExp[];
  readonly #allowed: BlockSet;
  readonly #denied: BlockSet;
  readonly #trustsAnyName: boolean;

  /**
   * @param options `unverifiedNames`: a name matches `allow` although it does not lead back to the address. Whoever may name
   *   his own addresses can then give them a name that is admitted
   * @throws NetmuxError `NETMUX_BAD_OPTION` with the option and its entry
   */
  constructor(lists: AccessLists, options: { readonly unverifiedNames?: boolean } = {}) {
    const allow = listOf('allow', lists.allow, isPattern);
    const deny = listOf('deny', lists.deny, isPattern);
    const allowed = listOf('cidr_allow', lists.cidr_allow, isText);
    const denied = listOf('cidr_deny', lists.cidr_deny, isText);
    this.#allow = expressions('allow', allow);
    this.#deny = expressions('deny', deny);
    this.#allowed = new BlockSet('cidr_allow', allowed);
    this.#denied = new BlockSet('cidr_deny', denied);
    this.#trustsAnyName = options.unverifiedNames ?? false;
    const admitsNobody = allow.length + allowed.length === 0;
    this.isEmpty = admitsNobody && deny.length + denied.length === 0;
    this.warning =
      admitsNobody && !this.isEmpty
        ? 'deny and cidr_deny without allow or cidr_allow refuse everybody; to admit the others add allow .*'
        : undefined;
  }

  /**
   * @param address of the peer, as text; an IPv4 address in the form of IPv6 (`::ffff:…`) counts as IPv4. What is no address is
   *   refused where there are entries
   * @param found its name, where one was looked up. `deny` matches any name, `allow` a confirmed one
   */
  admits(address: string, found: FoundName = NAMELESS): boolean {
    if (this.isEmpty) return true;
    const family = readAddress(address, peer);
    if (family === 0) return false;
    const plain = plainAddress(address, family);
    const { name } = found;
    if (matches(this.#deny, plain, name) || this.#denied.has(family)) return false;
    return matches(this.#allow, plain, found.confirmed || this.#trustsAnyName ? name : undefined) || this.#allowed.has(family);
  }
}

/** The peer that is being judged. */
const peer = new Uint32Array(MAX_ADDRESS_WORDS);

/** The blocks of one option, of both families. */
class BlockSet {
  readonly #tries = { 4: new CidrTrie(ADDRESS_WORDS[4]), 6: new CidrTrie(ADDRESS_WORDS[6]) };

  constructor(option: string, entries: readonly string[]) {
    for (const entry of entries) {
      const block = readBlock(entry);
      if (typeof block === 'string') throw badEntry(option, entry, block);
      this.#tries[block.family].add(block.words, block.length);
    }
  }

  /** Whether `peer` is in one. */
  has(family: 4 | 6): boolean {
    return this.#tries[family].has(peer);
  }
}

function matches(expressions: readonly RegExp[], address: string, name: string | undefined): boolean {
  return expressions.some((expression) => expression.test(address) || (name !== undefined && expression.test(name)));
}

/** As entries are written: without the clothes of IPv6, without a zone. */
function plainAddress(address: string, family: 4 | 6): string {
  if (family === 6) return address.includes('%') ? address.slice(0, address.indexOf('%')) : address;
  if (!address.includes(':')) return address;
  const word = peer[0]!;
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function expressions(option: string, entries: readonly (string | RegExp)[]): readonly RegExp[] {
  return entries.map((entry) => {
    const problem = patternProblem(entry);
    if (problem !== undefined) throw badEntry(option, entry, problem);
    return entryExpression(entry);
  });
}

function listOf<Entry>(option: string, given: Entries<Entry> | undefined, isEntry: (value: unknown) => boolean): readonly Entry[] {
  const entries = given === undefined ? [] : Array.isArray(given) ? (given as readonly Entry[]) : [given as Entry];
  const wrong = entries.findIndex((entry) => !isEntry(entry));
  if (wrong !== -1) throw badEntry(option, entries[wrong], 'is no text');
  return entries;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isPattern(value: unknown): boolean {
  return isText(value) || value instanceof RegExp;
}

function badEntry(option: string, entry: unknown, problem: string): NetmuxError {
  return new NetmuxError('NETMUX_BAD_OPTION', `option ${option}: ${isText(entry) ? JSON.stringify(entry) : String(entry)} ${problem}`);
}
