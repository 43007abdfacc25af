/** Rounds, medians and ratios, with measurements that are given. */
import { expect, test } from 'vitest';
import { CONTESTANTS, type Launch } from '../../bench/contestants.js';
import { Refusal } from '../../bench/load-generator.js';
import { tableLines } from '../../bench/report.js';
import type { ScenarioInfo } from '../../bench/results.js';
import { runScenario } from '../../bench/rounds.js';
import type { Bench, Sample, Scenario } from '../../bench/scenario.js';
import { pooled, quantity, spread } from '../../bench/statistics.js';
import { type Summary, summarize } from '../../bench/summary.js';

const NOBODY: ReadonlyMap<string, string> = new Map();

function bench(rounds: number): Bench {
  return {
    options: {
      quick: false,
      rounds,
      windowMs: 1,
      warmupMs: 0,
      only: [],
      json: undefined,
      compare: undefined,
      targets: false,
      fetch: false,
      profile: undefined,
    },
    binaries: {
      load: '',
      'epoll-echo': '',
      'epoll-batch': '',
      'epoll-lines': '',
      'epoll-broadcast': '',
      'wheel-million': '',
      'go-server': '',
    },
    runtimes: { 'node-24': 'no', 'node-newest': 'no', bun: 'no', deno: 'no', go: 'no' },
    cores: { server: undefined, load: undefined },
    descriptorLimit: 1000,
  };
}

type Given = number | Error | Sample;

/** A scenario in which `script` or `binary` NAME reaches, round by round, the given values. */
function scenario(values: Record<string, Given[]>, order: string[] = []): Scenario {
  const left = structuredClone(values);
  return {
    name: 'given',
    title: 'given values',
    parameters: { connections: 7 },
    protocol: 'echo',
    figures: [{ key: 'value', title: '', unit: 'value', digits: 1 }],
    better: 'lower',
    contestants: ['netmux-native', 'net', 'epoll'],
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'epoll', title: 'C epoll' },
    ],
    measure: async (_bench: Bench, launch: Launch) => {
      const name = 'script' in launch ? launch.script : 'binary' in launch ? launch.binary : '';
      order.push(name);
      const value = left[name]!.shift()!;
      if (value instanceof Error) throw new Refusal(value.message);
      return typeof value === 'number' ? { value: quantity(value) } : value;
    },
  };
}

const quiet = (): void => {};

async function run(rounds: number, given: Scenario, missing = NOBODY): Promise<Summary> {
  const rows = await runScenario(bench(rounds), missing, given, quiet);
  const contestants = CONTESTANTS.map(({ id, title }) => {
    const reason = missing.get(id);
    return reason === undefined ? { id, title } : { id, title, missing: reason };
  });
  return summarize({ rounds, contestants, rows }, given);
}

test('every round measures every contestant, and another one begins each time', async () => {
  const order: string[] = [];
  const given = scenario({ 'netmux-echo': [1, 1, 1], 'net-echo': [1, 1, 1], 'epoll-echo': [1, 1, 1] }, order);
  await run(3, given);
  expect(order).toEqual([
    ...['netmux-echo', 'net-echo', 'epoll-echo'],
    ...['net-echo', 'epoll-echo', 'netmux-echo'],
    ...['epoll-echo', 'netmux-echo', 'net-echo'],
  ]);
});

test('each measurement is a row of its own, with its unit and what it was divided by', async () => {
  const given = scenario({ 'netmux-echo': [{ value: quantity(10, 4) }], 'net-echo': [1], 'epoll-echo': [new Error('2 wrong bytes')] });
  const rows = await runScenario(bench(1), NOBODY, given, quiet);
  const common = { scenario: 'given', parameters: { connections: 7 }, round: 0, noisy: false };
  expect(rows).toEqual([
    { ...common, contestant: 'netmux-native', metrics: { value: { value: 2.5, unit: 'value', weight: 4 } }, errors: [] },
    { ...common, contestant: 'net', metrics: { value: { value: 1, unit: 'value' } }, errors: [] },
    { ...common, contestant: 'epoll', metrics: {}, errors: ['2 wrong bytes'] },
  ]);
});

test('ratios are formed within a round, so a slow round does not shift them', async () => {
  const { rows } = await run(3, scenario({ 'netmux-echo': [5, 50, 6], 'net-echo': [10, 100, 10], 'epoll-echo': [4, 40, 4] }));
  expect(rows[0]!.figures.value).toEqual({ median: 6, least: 5, most: 50, values: [5, 50, 6] });
  expect(rows[0]!.ratios.net).toEqual({ median: 0.5, least: 0.5, most: 0.6, values: [0.5, 0.5, 0.6] });
  expect(rows[0]!.ratios.epoll!.values).toEqual([1.25, 1.25, 1.5]);
});

test('who loses a connection once gets no figure at all, is not measured again, and nobody is compared with it', async () => {
  const order: string[] = [];
  const given = scenario({ 'netmux-echo': [1, new Error('1 connections lost'), 1], 'net-echo': [1, 1, 1], 'epoll-echo': [1, 1, 1] }, order);
  const result = await run(3, { ...given, references: [{ contestant: 'netmux-native', title: 'us' }] });
  expect(result.rows[0]).toMatchObject({ state: 'refused', reason: '1 connections lost', figures: {}, ratios: {} });
  expect(result.rows[1]).toMatchObject({ state: 'measured', ratios: {} });
  expect(order.filter((name) => name === 'netmux-echo')).toHaveLength(2);
  expect(tableLines(result).join('\n')).toContain('netmux, native engine: REFUSED, 1 connections lost');
});

test('a contestant that is not on this machine is a line in the report', async () => {
  const order: string[] = [];
  const given = scenario({ 'net-echo': [2], 'epoll-echo': [1] }, order);
  const result = await run(1, given, new Map([['netmux-native', 'NETMUX_NO_NATIVE: nothing found']]));
  expect(result.rows[0]).toMatchObject({ state: 'missing', reason: 'NETMUX_NO_NATIVE: nothing found' });
  expect(result.rows[1]!.ratios.epoll!.median).toBe(2);
  expect(order).toEqual(['net-echo', 'epoll-echo']);
  expect(tableLines(result)).toContain('  netmux, native engine: missing, NETMUX_NO_NATIVE: nothing found');
});

test('a scenario whose program is not installed is not measured', async () => {
  const order: string[] = [];
  await run(1, { ...scenario({}, order), needs: ['no-such-program-anywhere'] });
  expect(order).toEqual([]);
  const skipped: ScenarioInfo = { ...scenario({}), skipped: 'no-such-program-anywhere is not on the path' };
  const lines = tableLines(summarize({ rounds: 1, contestants: [], rows: [] }, skipped));
  expect(lines.at(-1)).toBe('  not measured: no-such-program-anywhere is not on the path');
});

test('a row in which we lose is printed like the others', async () => {
  const lines = tableLines(await run(1, scenario({ 'netmux-echo': [30], 'net-echo': [10], 'epoll-echo': [5] })));
  expect(lines.slice(1).map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['value', '× node:net', '× C epoll'],
    ['netmux, native engine', '30.0', '3.00', '6.00'],
    ['node:net, idiomatic', '10.0', '1.00', '2.00'],
    ['C epoll', '5.0', '0.50', '1.00'],
  ]);
});

test('a round in which somebody else had the processors is repeated, and its figures are left out', async () => {
  const disturbed = { value: quantity(100), foreign: quantity(40) };
  const given = scenario({ 'netmux-echo': [1, disturbed, 3, 2], 'net-echo': [1, 1, 1, 1], 'epoll-echo': [1, 1, 1, 1] });
  const { rows, noisy, rounds } = await run(3, given);
  expect({ noisy, rounds }).toEqual({ noisy: 1, rounds: 3 });
  expect(rows[0]!.figures.value!.values).toEqual([1, 3, 2]);
});

test('a machine that stays noisy is not measured for ever: then all rounds count, and the report says so', async () => {
  const disturbed = { value: quantity(5), foreign: quantity(40) };
  const order: string[] = [];
  const given = scenario({ 'netmux-echo': Array(9).fill(disturbed), 'net-echo': Array(9).fill(1), 'epoll-echo': Array(9).fill(1) }, order);
  const summary = await run(4, given);
  expect(order).toHaveLength(3 * 6);
  expect(summary).toMatchObject({ noisy: 6, rounds: 6, noiseIncluded: true });
  expect(tableLines(summary).at(-1)).toContain('6 noisy rounds, and too few quiet ones');
});

test('two identical contestants that differ by far make a round noisy', async () => {
  const given = scenario({ 'netmux-echo': [1, 1, 1], 'net-echo': [10, 10, 10], 'epoll-echo': [10, 20, 10] });
  const { rows, noisy } = await run(2, { ...given, pair: ['net', 'epoll'] });
  expect(noisy).toBe(1);
  expect(rows[2]!.figures.value!.values).toEqual([10, 10]);
});

test('the median of an even number of rounds lies between the middle two', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4, values: [4, 1, 3, 2] });
});

test('pooled figures weigh each round by what was counted in it', () => {
  const value = pooled([
    { value: 1, weight: 1 },
    { value: 1 / 3, weight: 3 },
  ]);
  expect(value).toMatchObject({ median: 0.5, least: 1 / 3, most: 1 });
});
