import { isIP } from 'node:net';
import { encodeAddress } from '../engine/address.js';
import { ADDRESS_BYTES, AddressFamily, BLOCK_BYTES } from '../engine/engine.js';

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** Where the address lies in an address block. */
const ADDRESS_AT = 8;

/** An IPv4 address is compared in its mapped form, `::ffff:a.b.c.d`. */
const MAPPED_BITS = IPV6_BITS - IPV4_BITS;

/**
 * One block of addresses in CIDR notation, or a single address, as the engines compare it.
 * @returns undefined where it is neither
 */
export function encodeBlock(text: string): Uint8Array | undefined {
  const [host = '', prefix, ...more] = text.split('/');
  const family = isIP(host);
  const most = family === 4 ? IPV4_BITS : IPV6_BITS;
  if (family === 0 || host.includes('%') || more.length > 0) return undefined;
  if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || Number(prefix) > most)) return undefined;
  const bits = prefix === undefined ? most : Number(prefix);
  const address = encodeAddress({ family: family as 4 | 6, host, port: 0 });
  const block = new Uint8Array(BLOCK_BYTES);
  if (address[0] === AddressFamily.IPv4) {
    block.fill(0xff, 10, 12);
    block.set(address.subarray(ADDRESS_AT, ADDRESS_AT + 4), 12);
    block[BLOCK_BYTES - 1] = MAPPED_BITS + bits;
  } else {
    block.set(address.subarray(ADDRESS_AT, ADDRESS_BYTES));
    block[BLOCK_BYTES - 1] = bits;
  }
  return block;
}
