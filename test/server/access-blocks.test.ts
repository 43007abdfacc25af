// Addresses and blocks of addresses. The model that the trie is compared with is BigInt arithmetic on one list.
import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADDRESS_WORDS, MAX_ADDRESS_WORDS, readAddress } from '../../src/server/access/address-words.js';
import { readBlock } from '../../src/server/access/block.js';
import { CidrTrie } from '../../src/server/access/cidr-trie.js';
import { AccessRules } from '../../src/server/access/rules.js';
import { tries } from '../tries.js';

type Family = 4 | 6;

/** The address as one number, if it is one. */
function numberOf(text: string): { family: 0 | Family; value: bigint } {
  const words = new Uint32Array(MAX_ADDRESS_WORDS);
  const family = readAddress(text, words);
  if (family === 0) return { family, value: 0n };
  return { family, value: words.subarray(0, ADDRESS_WORDS[family]).reduce((value, word) => (value << 32n) | BigInt(word), 0n) };
}

function textOf(value: bigint, family: Family): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  return Array.from({ length: 8 }, (_, group) => ((value >> BigInt(112 - 16 * group)) & 0xffffn).toString(16)).join(':');
}

/** Addresses that share prefixes: few values in each byte. */
const crowded = (bytes: number) =>
  fc
    .array(fc.constantFrom(0n, 1n, 127n, 128n, 255n), { minLength: bytes, maxLength: bytes })
    .map((all) => all.reduce<bigint>((value, byte) => (value << 8n) | byte, 0n));

interface Set {
  family: Family;
  blocks: { value: bigint; length: number }[];
  probes: bigint[];
}

const sets: fc.Arbitrary<Set> = fc.constantFrom<Family>(4, 6).chain((family) => {
  const bits = 32 * ADDRESS_WORDS[family];
  const value = fc.oneof(crowded(bits / 8), fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }));
  const block = fc.record({ value, length: fc.oneof(fc.integer({ min: 0, max: bits }), fc.constantFrom(8, 24, bits)) });
  return fc.record({
    family: fc.constant(family),
    blocks: fc.array(block, { maxLength: 150 }),
    probes: fc.array(value, { minLength: 20 }),
  });
});

function model({ family, blocks }: Set, address: bigint): boolean {
  const bits = 32 * ADDRESS_WORDS[family];
  return blocks.some(({ value, length }) => value >> BigInt(bits - length) === address >> BigInt(bits - length));
}

/** The probes, and the edges of each block with the addresses beside them. */
function probesOf({ family, blocks, probes }: Set): bigint[] {
  const bits = 32 * ADDRESS_WORDS[family];
  const edges = blocks.flatMap(({ value, length }) => {
    const free = BigInt(bits - length);
    const first = (value >> free) << free;
    const last = first + (1n << free) - 1n;
    return [first - 1n, first, last, last + 1n];
  });
  return [...probes, ...edges].filter((address) => address >= 0n && address >> BigInt(bits) === 0n);
}

describe('addresses', () => {
  it('are read as Node reads them, and nothing else is', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      'ff',
      'ffff',
      '12345',
      '255',
      '256',
      '01',
      ':',
      '::',
      '.',
      '1.2.3.4',
      'g',
      '',
      '-',
      ' ',
      ':1:2:3',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
          fc.array(fc.constantFrom('0', 'a1', 'ffff', ''), { minLength: 2, maxLength: 9 }).map((parts) => parts.join(':')),
        ),
        (text) => {
          expect(numberOf(text).family === 0).toBe(isIP(text) === 0);
        },
      ),
      tries(3000),
    );
  });

  it('have the bits that their text says', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const host = new URL(`http://[${text}]`).hostname.slice(1, -1);
        const { family, value } = numberOf(text);
        if (family === 4)
          expect(value).toBe(
            BigInt(
              `0x${host
                .split(':')
                .slice(-2)
                .map((group) => group.padStart(4, '0'))
                .join('')}`,
            ),
          );
        else expect(new URL(`http://[${textOf(value, 6)}]`).hostname.slice(1, -1)).toBe(host);
      }),
      tries(100),
    );
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(textOf(numberOf(text).value, 4)).toBe(text);
      }),
      tries(100),
    );
  });

  it('are those of IPv4 when they are written as mapped ones', () => {
    for (const text of ['::ffff:10.1.2.3', '::FFFF:a01:203', '0:0:0:0:0:ffff:10.1.2.3']) {
      expect(numberOf(text)).toEqual({ family: 4, value: 0x0a010203n });
    }
    expect(numberOf('::fffe:10.1.2.3').family).toBe(6);
    expect(numberOf('::10.1.2.3').family).toBe(6);
  });

  it('may have a zone, which is passed over', () => {
    expect(numberOf('fe80::1%eth0')).toEqual(numberOf('fe80::1'));
    for (const text of ['fe80::1%', '10.0.0.1%eth0', '%eth0']) expect(numberOf(text).family).toBe(0);
  });
});

describe('the trie of blocks', () => {
  it('finds what lies in a block, and only that', () => {
    fc.assert(
      fc.property(sets, (set) => {
        const trie = new CidrTrie(ADDRESS_WORDS[set.family]);
        const words = new Uint32Array(MAX_ADDRESS_WORDS);
        for (const { value, length } of set.blocks) {
          readAddress(textOf(value, set.family), words);
          // Mapped addresses are read as IPv4: the model knows nothing of that.
          if (set.family === 6 && value >> 32n === 0xffffn) return;
          trie.add(words, length);
        }
        for (const probe of probesOf(set)) {
          if (set.family === 6 && probe >> 32n === 0xffffn) continue;
          readAddress(textOf(probe, set.family), words);
          expect(trie.has(words), textOf(probe, set.family)).toBe(model(set, probe));
        }
      }),
      tries(300),
    );
  });

  it('agrees with the list of node:net', () => {
    fc.assert(
      fc.property(sets, (set) => {
        const ip = set.family === 4 ? 'ipv4' : 'ipv6';
        const isMapped = (value: bigint) => set.family === 6 && value >> 32n === 0xffffn;
        const blocks = set.blocks.filter(({ value, length }) => length > 0 && !isMapped(value)).slice(0, 20);
        const list = new BlockList();
        for (const { value, length } of blocks) list.addSubnet(textOf(value, set.family), length, ip);
        const entries = blocks.map(({ value, length }) => `${textOf(value, set.family)}/${length}`);
        const rules = new AccessRules({ cidr_allow: entries, cidr_deny: '203.0.113.255' });
        for (const probe of probesOf({ ...set, blocks }).filter((value) => !isMapped(value))) {
          const text = textOf(probe, set.family);
          if (text !== '203.0.113.255') expect(rules.admits(text), text).toBe(list.check(text, ip));
        }
      }),
      tries(100),
    );
  });

  it('has no more than two nodes for each block, however long the addresses are', () => {
    const trie = new CidrTrie(ADDRESS_WORDS[6]);
    const words = new Uint32Array(MAX_ADDRESS_WORDS);
    for (let block = 0; block < 1000; block += 1) {
      words.set([0x20010db8, (block * 2_654_435_761) >>> 0, block, (block * 40_503) >>> 0]);
      trie.add(words, 128);
    }
    expect(trie.nodes).toBeLessThanOrEqual(2001);
  });
});

describe('a block', () => {
  it.each([
    ['10.0.0.0/8', 4, 8],
    ['10.1.2.3/8', 4, 8],
    ['10.1.2.3', 4, 32],
    ['0.0.0.0/0', 4, 0],
    ['2001:db8::/32', 6, 32],
    ['::1', 6, 128],
    ['::/0', 6, 0],
    ['::ffff:10.0.0.0/104', 4, 8],
    [' 10.0.0.0/8 ', 4, 8],
  ])('%s is read', (text, family, length) => {
    expect(readBlock(text)).toMatchObject({ family, length });
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0/24',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/255.0.0.0',
    '::/129',
    '::ffff:10.0.0.0/95',
    'localhost/8',
    '010.0.0.1/8',
    'fe80::1%eth0/64',
  ])('%j is none', (text) => {
    expect(typeof readBlock(text)).toBe('string');
  });
});
