// What it costs to ask whether an address is admitted, with the lists of a large deny list: `node out/bench/access-lookup.js`.
// Every answer is compared with that of `net.BlockList`, which is measured beside it on fewer look-ups: it is linear.
import { BlockList } from 'node:net';
import { AccessRules } from '../src/server/access/rules.js';
import { spread } from './statistics.js';

const BLOCKS = 10_000;
const LOOK_UPS = 200_000;
const COMPARED = 1_000;
const ROUNDS = 7;

/** The same numbers in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const next = random(20_203);
const number = (limit: number) => Math.floor(next() * limit);

interface Kind {
  readonly name: string;
  readonly family: 'ipv4' | 'ipv6';
  address(): string;
  readonly prefixes: readonly number[];
}

const KINDS: readonly Kind[] = [
  {
    name: 'IPv4',
    family: 'ipv4',
    address: () => [1 + number(223), number(256), number(256), number(256)].join('.'),
    prefixes: [16, 24, 28, 32],
  },
  {
    name: 'IPv6',
    family: 'ipv6',
    address: () => ['2001', ...Array.from({ length: 7 }, () => number(0x10000).toString(16))].join(':'),
    prefixes: [32, 48, 64, 128],
  },
];

function nanoseconds(addresses: readonly string[], ask: (address: string) => boolean): number {
  let admitted = 0;
  const start = process.hrtime.bigint();
  for (const address of addresses) if (ask(address)) admitted += 1;
  const took = Number(process.hrtime.bigint() - start);
  if (admitted === addresses.length) throw new Error('nothing was in any block: this measures the wrong thing');
  return took / addresses.length;
}

console.log(`${process.version}, ${BLOCKS} blocks, median of ${ROUNDS} rounds; half of the addresses lie in a block`);
for (const { name, family, address, prefixes } of KINDS) {
  const blocks = Array.from({ length: BLOCKS }, () => ({ base: address(), prefix: prefixes[number(prefixes.length)]! }));
  const start = process.hrtime.bigint();
  const rules = new AccessRules({ allow: '.*', cidr_deny: blocks.map(({ base, prefix }) => `${base}/${prefix}`) });
  const built = Number(process.hrtime.bigint() - start) / 1e6;
  const list = new BlockList();
  for (const { base, prefix } of blocks) list.addSubnet(base, prefix, family);
  const addresses = Array.from({ length: LOOK_UPS }, (_, index) => (index % 2 === 0 ? address() : blocks[number(BLOCKS)]!.base));
  const few = addresses.slice(0, COMPARED);
  for (const each of few) if (rules.admits(each) === list.check(each, family)) throw new Error(`${each}: the answers differ`);
  const ours = Array.from({ length: ROUNDS }, () => nanoseconds(addresses, (each) => rules.admits(each)));
  const theirs = nanoseconds(few, (each) => !list.check(each, family));
  console.log(
    `${name}: ${spread(ours).median.toFixed(0)} ns a look-up, text to verdict; net.BlockList ${theirs.toFixed(0)} ns; built in ${built.toFixed(0)} ms`,
  );
}
