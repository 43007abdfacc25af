import { ADDRESS_WORDS, MAX_ADDRESS_WORDS, readAddress } from './address-words.js';

/** The bits that an IPv4 address has before its own when it is written as IPv6 (`::ffff:10.0.0.0/104`). */
const MAPPED_BITS = 96;

/** A block of addresses. */
export interface Block {
  readonly family: 4 | 6;
  /** Its address, most significant word first; the bits behind `length` may be anything. */
  readonly words: Uint32Array;
  /** Bits of the prefix. */
  readonly length: number;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. A block of mapped addresses is one of IPv4.
 * @returns what is wrong with it, if something is
 */
export function readBlock(text: string): Block | string {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const words = new Uint32Array(MAX_ADDRESS_WORDS);
  const family = readAddress(address, words);
  if (family === 0) return 'is no block of addresses such as 10.0.0.0/8 or 2001:db8::/32';
  const before = family === 4 && address.includes(':') ? MAPPED_BITS : 0;
  const bits = 32 * ADDRESS_WORDS[family];
  const length = prefix === undefined ? bits : Number(prefix) - before;
  return length < 0 || length > bits ? `has a prefix that is not ${before} to ${before + bits}` : { family, words, length };
}
