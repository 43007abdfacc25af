import { ADDRESS_BYTES, BLOCK_BYTES, LimitWord, REFUSALS, Refusal } from '../../native/contract.js';
import { type Address, encodeAddress } from '../address.js';
import type { ListenerLimits } from '../engine.js';

/** Refusals are told of at most this often, for each listener. */
const REFUSAL_INTERVAL_MS = 1_000;

/** The address part of a block. */
const ADDRESS_AT = 8;
const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

/** What is counted as one peer, in bytes of the plain address. `native/address_counts.h` says why. */
const IPV4_ADDRESS_BYTES = 16;
const IPV4_NETWORK_BYTES = 15;
const IPV6_ADDRESS_BYTES = 8;
const IPV6_NETWORK_BYTES = 6;

/** So many at once, and so many a second on average. A rate of 0 is no limit. */
class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #filled_ms: number;

  constructor(rate: number, burst: number, now_ms: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filled_ms = now_ms;
  }

  hasToken(now_ms: number): boolean {
    if (this.#rate === 0) return true;
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now_ms - this.#filled_ms) * this.#rate) / 1000);
    this.#filled_ms = now_ms;
    return this.#tokens >= 1;
  }

  take(): void {
    this.#tokens -= 1;
  }
}

/** What the listeners of one multiplexer count together. */
interface Gate {
  readonly owner: number;
  readonly bucket: TokenBucket;
  /** Connections by address and by network. */
  readonly peers: Map<string, number>;
  readonly exempt: Uint8Array;
  connections: number;
  doors: number;
}

/** A connection that counts. */
export interface Pass {
  /** Its descriptor is closed. */
  leave(): void;
}

/** The limits of one listener; the counterpart of `native/admission.h`, and the same decisions in the same order. */
export class Door {
  static readonly #gates = new Map<number, Gate>();

  readonly words: Float64Array;
  readonly refused = new Float64Array(REFUSALS);
  readonly #reported = new Float64Array(REFUSALS);
  readonly #gate: Gate;
  readonly #bucket: TokenBucket;
  #connections = 0;
  #isOpen = true;
  #reported_ms = Number.NEGATIVE_INFINITY;

  constructor({ words, exempt }: ListenerLimits, now_ms: number) {
    this.words = words;
    this.#bucket = new TokenBucket(words[LimitWord.ListenerRate]!, words[LimitWord.ListenerBurst]!, now_ms);
    const owner = words[LimitWord.Owner]!;
    const bucket = new TokenBucket(words[LimitWord.Rate]!, words[LimitWord.Burst]!, now_ms);
    this.#gate = Door.#gates.get(owner) ?? { owner, bucket, peers: new Map(), exempt, connections: 0, doors: 0 };
    this.#gate.doors += 1;
    Door.#gates.set(owner, this.#gate);
  }

  /** Its connections still count. */
  close(): void {
    this.#isOpen = false;
    this.#leaveGate();
  }

  /** @returns what the connection has to give back; undefined if it must not come in, which was counted */
  admit(address: Address | undefined, now_ms: number): Pass | undefined {
    const plain = plainAddress(address);
    const peers = plain === undefined ? [] : peersOf(plain, this.words);
    const reason = this.#reason(peers, now_ms);
    if (reason === Refusal.None) {
      this.#bucket.take();
      this.#gate.bucket.take();
    } else if (plain === undefined || !isIn(plain, this.#gate.exempt)) {
      this.refused[reason]! += 1;
      return undefined;
    }
    return this.#enter(peers);
  }

  /** When refusals that were not told of may be, in milliseconds; undefined if there are none. */
  get reportDue(): number | undefined {
    return this.refused.some((count, reason) => count !== this.#reported[reason]) ? this.#reported_ms + REFUSAL_INTERVAL_MS : undefined;
  }

  /** Refusals since the last report. */
  takeReport(now_ms: number): { reason: Refusal; count: number }[] {
    this.#reported_ms = now_ms;
    const owed = Array.from(this.refused, (count, reason) => ({ reason, count: count - this.#reported[reason]! }));
    this.#reported.set(this.refused);
    return owed.filter(({ count }) => count > 0);
  }

  #reason(peers: readonly Counted[], now_ms: number): Refusal {
    for (const { key, most, reason } of peers) {
      if ((this.#gate.peers.get(key) ?? 0) >= most) return reason;
    }
    if (isFull(this.#connections, this.words[LimitWord.ListenerConnections]!)) return Refusal.Listener;
    if (isFull(this.#gate.connections, this.words[LimitWord.Connections]!)) return Refusal.Connections;
    if (!this.#bucket.hasToken(now_ms)) return Refusal.ListenerRate;
    return this.#gate.bucket.hasToken(now_ms) ? Refusal.None : Refusal.Rate;
  }

  #enter(peers: readonly Counted[]): Pass {
    const gate = this.#gate;
    this.#connections += 1;
    gate.connections += 1;
    for (const { key } of peers) gate.peers.set(key, (gate.peers.get(key) ?? 0) + 1);
    const leave = () => {
      this.#connections -= 1;
      gate.connections -= 1;
      for (const { key } of peers) {
        const left = gate.peers.get(key)! - 1;
        if (left === 0) gate.peers.delete(key);
        else gate.peers.set(key, left);
      }
      this.#leaveGate();
    };
    return { leave };
  }

  /** The gate goes with the last of its listeners and their connections. */
  #leaveGate(): void {
    if (this.#isOpen || this.#connections > 0) return;
    this.#gate.doors -= 1;
    if (this.#gate.doors === 0) Door.#gates.delete(this.#gate.owner);
  }
}

/** A peer as one limit sees it. */
interface Counted {
  readonly key: string;
  readonly most: number;
  readonly reason: Refusal;
}

function isFull(count: number, most: number): boolean {
  return most > 0 && count >= most;
}

/** Sixteen bytes, an IPv4 address in its mapped form; undefined where it is not an IP address. */
function plainAddress(address: Address | undefined): Buffer | undefined {
  if (address === undefined || address.family === 'unix') return undefined;
  const bytes = encodeAddress(address).subarray(ADDRESS_AT, ADDRESS_BYTES);
  return address.family === 6 ? bytes : Buffer.concat([MAPPED_PREFIX, bytes.subarray(0, 4)]);
}

function peersOf(plain: Buffer, words: Float64Array): Counted[] {
  const isIPv4 = plain.subarray(0, MAPPED_PREFIX.length).equals(MAPPED_PREFIX);
  const prefix = (bytes: number) => `${bytes}:${plain.toString('latin1', 0, bytes)}`;
  const perAddress = words[LimitWord.PerAddress]!;
  const perNetwork = words[LimitWord.PerNetwork]!;
  const address = { key: prefix(isIPv4 ? IPV4_ADDRESS_BYTES : IPV6_ADDRESS_BYTES), most: perAddress, reason: Refusal.Address };
  const network = { key: prefix(isIPv4 ? IPV4_NETWORK_BYTES : IPV6_NETWORK_BYTES), most: perNetwork, reason: Refusal.Network };
  return [address, network].filter(({ most }) => most > 0);
}

function isIn(plain: Buffer, exempt: Uint8Array): boolean {
  for (let at = 0; at < exempt.length; at += BLOCK_BYTES) {
    const bits = exempt[at + BLOCK_BYTES - 1]!;
    const bytes = bits >> 3;
    const block = exempt.subarray(at, at + BLOCK_BYTES);
    if (plain.compare(block, 0, bytes, 0, bytes) !== 0) continue;
    if (bits % 8 === 0 || (plain[bytes]! ^ block[bytes]!) >> (8 - (bits % 8)) === 0) return true;
  }
  return false;
}
