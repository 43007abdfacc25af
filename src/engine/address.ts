import { isIP } from 'node:net';
import { ADDRESS_BYTES, AddressFamily } from '../native/contract.js';

/** A socket address. `host` is numeric. A UNIX path that begins with a NUL is an abstract name; '' is an unnamed socket. */
export type Address =
  | { readonly family: 4 | 6; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string };

/** The longest UNIX path, in bytes (`sun_path` without its final NUL). */
export const MAX_PATH_BYTES = 107;

/*
 * An address block, as both sides of the contract write it:
 *
 *     byte  0       AddressFamily
 *     byte  1       length of the path that follows the block (UNIX)
 *     bytes 2–3     port, little-endian
 *     bytes 4–7     IPv6 scope, little-endian
 *     bytes 8–23    the address in network order; IPv4 uses the first four
 *     bytes 24–     the path (UNIX), a leading NUL for an abstract name
 */

/**
 * @returns the block, `ADDRESS_BYTES` long, and the path behind it
 * @throws TypeError where the host is not numeric or the path too long
 */
export function encodeAddress(address: Address | undefined): Buffer {
  if (address === undefined) return Buffer.alloc(ADDRESS_BYTES);
  if (address.family === 'unix') {
    const path = Buffer.from(address.path, 'utf8');
    if (path.length > MAX_PATH_BYTES) throw new TypeError(`a UNIX path has at most ${MAX_PATH_BYTES} bytes: ${address.path}`);
    const block = Buffer.alloc(ADDRESS_BYTES + path.length);
    block[0] = AddressFamily.Unix;
    block[1] = path.length;
    block.set(path, ADDRESS_BYTES);
    return block;
  }
  const block = Buffer.alloc(ADDRESS_BYTES);
  block[0] = address.family;
  block.writeUInt16LE(address.port, 2);
  const [host, zone] = address.host.split('%') as [string, string | undefined];
  if (isIP(host) !== address.family) throw new TypeError(`not an IPv${address.family} address: ${address.host}`);
  if (address.family === 4) {
    host.split('.').forEach((part, index) => {
      block[8 + index] = Number(part);
    });
  } else {
    writeIPv6(block, host);
    if (zone !== undefined && /^\d+$/.test(zone)) block.writeUInt32LE(Number(zone), 4);
  }
  return block;
}

/**
 * @param bytes where the block lies
 * @param offset of the block in them
 * @returns undefined for a block of family `None`
 */
export function decodeAddress(bytes: Buffer, offset = 0): Address | undefined {
  const port = bytes.readUInt16LE(offset + 2);
  switch (bytes[offset]) {
    case AddressFamily.IPv4:
      return { family: 4, host: `${bytes[offset + 8]}.${bytes[offset + 9]}.${bytes[offset + 10]}.${bytes[offset + 11]}`, port };
    case AddressFamily.IPv6:
      return { family: 6, host: formatIPv6(bytes, offset + 8, bytes.readUInt32LE(offset + 4)), port };
    case AddressFamily.Unix:
      return { family: 'unix', path: bytes.utf8Slice(offset + ADDRESS_BYTES, offset + ADDRESS_BYTES + bytes[offset + 1]!) };
    default:
      return undefined;
  }
}

/** The address as errors name it. */
export function subjectOf(address: Address): { address: string; port?: number } {
  return address.family === 'unix' ? { address: address.path } : { address: address.host, port: address.port };
}

/** Bytes of the block at `offset`, its path and the padding to four bytes included. */
export function addressBlockLength(bytes: Uint8Array, offset: number): number {
  return (ADDRESS_BYTES + bytes[offset + 1]! + 3) & ~3;
}

function writeIPv6(block: Buffer, host: string): void {
  const [head, tail] = host.split('::') as [string, string | undefined];
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const groups = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  groups.forEach((group, index) => {
    block.writeUInt16BE(group, 8 + 2 * index);
  });
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 tail is two of them. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a, b, c, d] = group.split('.').map(Number) as [number, number, number, number];
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** The canonical text of RFC 5952; IPv4-mapped addresses keep their dotted tail. */
function formatIPv6(bytes: Buffer, at: number, scope: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at + 2 * index));
  const zone = scope === 0 ? '' : `%${scope}`;
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `::ffff:${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`;
  }
  let best = 0;
  let length = 1;
  for (let start = 0; start < 8; start += 1) {
    let run = 0;
    while (start + run < 8 && groups[start + run] === 0) run += 1;
    if (run > length) [best, length] = [start, run];
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return (length > 1 ? `${text(0, best)}::${text(best + length, 8)}` : text(0, 8)) + zone;
}
