import { isIPv4, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, addressBlockLength, decodeAddress, encodeAddress, MAX_PATH_BYTES } from '../../src/engine/address.js';
import { ADDRESS_BYTES } from '../../src/engine/engine.js';
import { tries } from '../tries.js';

const port = fc.integer({ min: 0, max: 65_535 });

/** Encodes, and decodes from somewhere in a larger memory. */
function roundTrip(address: Address | undefined, offset = 0): Address | undefined {
  return decodeAddress(Buffer.concat([Buffer.alloc(offset, 0xff), encodeAddress(address), Buffer.alloc(8, 0xff)]), offset);
}

const mapped = (host: string) => host.startsWith('::ffff:') && isIPv4(host.slice(7));

describe('address blocks', () => {
  it('give every IPv4 address back', () => {
    fc.assert(
      fc.property(fc.ipV4(), port, fc.nat(50), (host, number, offset) => {
        expect(roundTrip({ family: 4, host, port: number }, offset)).toEqual({ family: 4, host, port: number });
      }),
      tries(100),
    );
  });

  it('give every IPv6 address back in the canonical form that URLs have', () => {
    fc.assert(
      fc.property(fc.ipV6(), port, (host, number) => {
        const canonical = new URL(`http://[${host}]`).hostname.slice(1, -1);
        const found = roundTrip({ family: 6, host, port: number });
        expect(found).toMatchObject({ family: 6, port: number });
        const text = (found as { host: string }).host;
        // URLs write the last four bytes of a mapped address in hexadecimal.
        expect(new URL(`http://[${text}]`).hostname.slice(1, -1)).toBe(canonical);
        if (!mapped(text)) expect(text).toBe(canonical);
      }),
      tries(100),
    );
  });

  it('write mapped IPv4 addresses as Node does', () => {
    fc.assert(
      fc.property(fc.ipV4(), (host) => {
        const { address } = new SocketAddress({ family: 'ipv6', address: `::ffff:${host}`, port: 1 });
        expect(roundTrip({ family: 6, host: `::ffff:${host}`, port: 1 })).toEqual({ family: 6, host: address, port: 1 });
      }),
      tries(100),
    );
  });

  it('hold the bytes in network order, the port in little-endian', () => {
    expect([...encodeAddress({ family: 4, host: '1.2.3.4', port: 0x1234 })]).toEqual([
      4,
      0,
      0x34,
      0x12,
      0,
      0,
      0,
      0,
      1,
      2,
      3,
      4,
      ...new Array(12).fill(0),
    ]);
    const six = encodeAddress({ family: 6, host: '102:304::f0f', port: 1 });
    expect([...six.subarray(8)]).toEqual([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0x0f]);
  });

  it('keep the number of a link-local zone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 - 1 }), (scope) => {
        expect(roundTrip({ family: 6, host: `fe80::1%${scope}`, port: 1 })).toEqual({ family: 6, host: `fe80::1%${scope}`, port: 1 });
      }),
      tries(100),
    );
  });

  it('give every UNIX path back, abstract, empty and of many bytes per character', () => {
    const path = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => Buffer.byteLength(text) < MAX_PATH_BYTES);
    fc.assert(
      fc.property(path, fc.constantFrom('', '\0'), (name, prefix) => {
        const address = { family: 'unix', path: prefix + name } as const;
        expect(roundTrip(address, 4)).toEqual(address);
        const length = addressBlockLength(encodeAddress(address), 0);
        expect(length % 4).toBe(0);
        expect(length - ADDRESS_BYTES - Buffer.byteLength(address.path)).toBeLessThan(4);
      }),
      tries(100),
    );
  });

  it('hold a path of 107 bytes and refuse a longer one', () => {
    const longest = `/${'x'.repeat(MAX_PATH_BYTES - 1)}`;
    expect(roundTrip({ family: 'unix', path: longest })).toEqual({ family: 'unix', path: longest });
    expect(() => encodeAddress({ family: 'unix', path: `${longest}x` })).toThrow(TypeError);
    expect(() => encodeAddress({ family: 'unix', path: 'ü'.repeat(54) })).toThrow(TypeError);
  });

  it('say nothing of no address', () => {
    expect(encodeAddress(undefined)).toEqual(Buffer.alloc(ADDRESS_BYTES));
    expect(roundTrip(undefined)).toBe(undefined);
  });

  it('refuse hosts that are not numeric, or of the other family', () => {
    for (const host of ['localhost', '', '::1', '1.2.3', '1.2.3.4.5', '256.1.1.1', ' 1.2.3.4']) {
      expect(() => encodeAddress({ family: 4, host, port: 1 })).toThrow(TypeError);
    }
    for (const host of ['localhost', '', '1.2.3.4', ':::', '1::2::3', '12345::']) {
      expect(() => encodeAddress({ family: 6, host, port: 1 })).toThrow(TypeError);
    }
  });
});
