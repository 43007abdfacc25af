/** Rounds, medians and ratios, with measurements that are given. */
import { expect, test } from 'vitest';
import type { Launch } from '../../bench/contestants.js';
import { Refusal } from '../../bench/load-generator.js';
import { tableLines } from '../../bench/report.js';
import { runScenario } from '../../bench/rounds.js';
import type { Bench, Scenario } from '../../bench/scenario.js';
import { pooled, quantity, spread } from '../../bench/statistics.js';

const ENGINES = { native: undefined, node: undefined };

function bench(rounds: number): Bench {
  return {
    options: { quick: false, rounds, windowMs: 1, warmupMs: 0, only: [], json: undefined },
    binaries: { load: '', 'epoll-echo': '', 'epoll-lines': '' },
    cores: { server: undefined, load: undefined },
    descriptorLimit: 1000,
  };
}

/** A scenario in which `script` or `binary` NAME reaches, round by round, the given values. */
function scenario(values: Record<string, (number | Error)[]>, order: string[] = []): Scenario {
  const left = structuredClone(values);
  return {
    name: 'given',
    title: 'given values',
    protocol: 'echo',
    figures: [{ key: 'value', title: 'value', digits: 1 }],
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
      return { value: quantity(value) };
    },
  };
}

const quiet = (): void => {};

test('every round measures every contestant, and another one begins each time', async () => {
  const order: string[] = [];
  const given = scenario({ 'netmux-echo': [1, 1, 1], 'net-echo': [1, 1, 1], 'epoll-echo': [1, 1, 1] }, order);
  await runScenario(bench(3), ENGINES, given, quiet);
  expect(order).toEqual([
    ...['netmux-echo', 'net-echo', 'epoll-echo'],
    ...['net-echo', 'epoll-echo', 'netmux-echo'],
    ...['epoll-echo', 'netmux-echo', 'net-echo'],
  ]);
});

test('ratios are formed within a round, so a slow round does not shift them', async () => {
  const given = scenario({ 'netmux-echo': [5, 50, 6], 'net-echo': [10, 100, 10], 'epoll-echo': [4, 40, 4] });
  const { rows } = await runScenario(bench(3), ENGINES, given, quiet);
  expect(rows[0]!.figures.value).toEqual({ median: 6, least: 5, most: 50, values: [5, 50, 6] });
  expect(rows[0]!.ratios.net).toEqual({ median: 0.5, least: 0.5, most: 0.6, values: [0.5, 0.5, 0.6] });
  expect(rows[0]!.ratios.epoll!.values).toEqual([1.25, 1.25, 1.5]);
});

test('who loses a connection once gets no figure at all, is not measured again, and nobody is compared with it', async () => {
  const order: string[] = [];
  const given = scenario({ 'netmux-echo': [1, new Error('1 connections lost'), 1], 'net-echo': [1, 1, 1], 'epoll-echo': [1, 1, 1] }, order);
  const result = await runScenario(bench(3), ENGINES, { ...given, references: [{ contestant: 'netmux-native', title: 'us' }] }, quiet);
  expect(result.rows[0]).toMatchObject({ state: 'refused', reason: '1 connections lost', figures: {}, ratios: {} });
  expect(result.rows[1]).toMatchObject({ state: 'measured', ratios: {} });
  expect(order.filter((name) => name === 'netmux-echo')).toHaveLength(2);
  expect(tableLines(result).join('\n')).toContain('netmux, native engine: REFUSED, 1 connections lost');
});

test('an engine that is not on this machine is a line in the report', async () => {
  const order: string[] = [];
  const given = scenario({ 'net-echo': [2], 'epoll-echo': [1] }, order);
  const engines = { ...ENGINES, native: 'NETMUX_NO_NATIVE: nothing found' };
  const result = await runScenario(bench(1), engines, given, quiet);
  expect(result.rows[0]).toMatchObject({ state: 'missing', reason: 'NETMUX_NO_NATIVE: nothing found' });
  expect(result.rows[1]!.ratios.epoll!.median).toBe(2);
  expect(order).toEqual(['net-echo', 'epoll-echo']);
  expect(tableLines(result)).toContain('  netmux, native engine: missing, NETMUX_NO_NATIVE: nothing found');
});

test('a scenario whose program is not installed is a line in the report', async () => {
  const result = await runScenario(bench(1), ENGINES, { ...scenario({}), needs: ['no-such-program-anywhere'] }, quiet);
  expect(result.rows).toEqual([]);
  expect(tableLines(result).at(-1)).toBe('  not measured: no-such-program-anywhere is not on the path');
});

test('a row in which we lose is printed like the others', async () => {
  const given = scenario({ 'netmux-echo': [30], 'net-echo': [10], 'epoll-echo': [5] });
  const lines = tableLines(await runScenario(bench(1), ENGINES, given, quiet));
  expect(lines.slice(1).map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['value', '× node:net', '× C epoll'],
    ['netmux, native engine', '30.0', '3.00', '6.00'],
    ['node:net, idiomatic', '10.0', '1.00', '2.00'],
    ['C epoll', '5.0', '0.50', '1.00'],
  ]);
});

test('the median of an even number of rounds lies between the middle two', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4, values: [4, 1, 3, 2] });
});

test('pooled figures weigh each round by what was counted in it', () => {
  const value = pooled([quantity(1, 1), quantity(1, 3)]);
  expect(value).toMatchObject({ median: 0.5, least: 1 / 3, most: 1 });
});
