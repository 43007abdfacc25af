/** `--compare`: what is outside the noise is told, and nothing else. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Change, compareResults, comparisonLines } from '../../bench/compare.js';
import type { Metrics, ResultRow, Results, ScenarioInfo } from '../../bench/results.js';

const sample = JSON.parse(readFileSync(new URL('sample-results.json', import.meta.url), 'utf8')) as Results;

const SCENARIO: ScenarioInfo = {
  name: 'given',
  title: 'given values',
  parameters: {},
  figures: [
    { key: 'cpu', title: 'CPU', unit: 'µs/message', digits: 2 },
    { key: 'rate', title: '', unit: 'messages/s', digits: 0 },
    { key: 'serverBusy', title: 'server', unit: '%', digits: 0 },
  ],
  better: 'lower',
  contestants: ['own', 'limit', 'limit-again'],
  references: [{ contestant: 'limit', title: 'limit' }],
  pair: ['limit', 'limit-again'],
};

function metrics(cpu: number, rate: number): Metrics {
  return {
    cpu: { value: cpu, unit: 'µs/message' },
    rate: { value: rate, unit: 'messages/s' },
    serverBusy: { value: rate / 10, unit: '%' },
  };
}

/** A run in which each contestant has, round by round, a CPU time and a rate. */
function run(values: Record<string, readonly (readonly [cpu: number, rate: number])[]>): Results {
  const rows = Object.entries(values).flatMap(([contestant, rounds]) =>
    rounds.map(
      ([cpu, rate], round): ResultRow => ({
        scenario: SCENARIO.name,
        parameters: {},
        contestant,
        round,
        metrics: metrics(cpu, rate),
        errors: [],
        noisy: false,
      }),
    ),
  );
  return {
    ...sample,
    quick: false,
    rounds: 3,
    scenarios: [SCENARIO],
    contestants: SCENARIO.contestants.map((id) => ({ id, title: id })),
    rows,
  };
}

function verdicts(changes: readonly Change[], contestant: string): string[] {
  return changes.filter((change) => change.contestant === contestant).map(({ figure, verdict }) => `${figure}: ${verdict}`);
}

const STEADY = {
  limit: [
    [5, 100],
    [5.1, 101],
    [4.9, 99],
  ],
  'limit-again': [
    [5, 100],
    [5.1, 101],
    [4.9, 99],
  ],
} as const;

const BEFORE = run({
  own: [
    [5, 100],
    [5.1, 101],
    [4.9, 99],
  ],
  ...STEADY,
});

test('more CPU time and fewer messages are worse, fewer and more are better; how busy a core was is no merit', () => {
  const now = run({
    own: [
      [8, 60],
      [8.1, 61],
      [7.9, 62],
    ],
    ...STEADY,
  });
  expect(verdicts(compareResults(BEFORE, now).changes, 'own')).toEqual(['CPU µs/message: worse', 'messages/s: worse']);
  expect(verdicts(compareResults(now, BEFORE).changes, 'own')).toEqual(['CPU µs/message: better', 'messages/s: better']);
  expect(comparisonLines(BEFORE, now)[1]).toBe('  WORSE given, own: CPU µs/message, as a ratio to limit: 1.00 → 1.60 (+60 %)');
});

test('a machine that became slower as a whole does not make the first figure worse', () => {
  const slow = [
    [10, 50],
    [10.2, 51],
    [9.8, 49],
  ] as const;
  const now = run({ own: slow, limit: slow, 'limit-again': slow });
  const change = compareResults(BEFORE, now).changes.find(({ contestant }) => contestant === 'own');
  expect(change).toMatchObject({ against: 'limit', before: 1, after: 1, verdict: 'inside the noise' });
});

test('spreads that overlap are noise, and so is less than two runs of the same program differ by', () => {
  const overlapping = run({
    own: [
      [5, 100],
      [6, 80],
      [9, 60],
    ],
    ...STEADY,
  });
  const noise = ['CPU µs/message: inside the noise', 'messages/s: inside the noise'];
  expect(verdicts(compareResults(BEFORE, overlapping).changes, 'own')).toEqual(noise);
  const restless = run({
    own: [
      [6, 90],
      [6.1, 91],
      [5.9, 92],
    ],
    limit: STEADY.limit,
    'limit-again': [
      [7, 70],
      [7.1, 71],
      [6.9, 72],
    ],
  });
  expect(verdicts(compareResults(BEFORE, restless).changes, 'own')).toEqual(noise);
});

test('one round says nothing', () => {
  const now = run({ own: [[50, 10]], limit: [[5, 100]], 'limit-again': [[5, 100]] });
  expect(verdicts(compareResults(BEFORE, now).changes, 'own')).toEqual(['CPU µs/message: too few rounds', 'messages/s: too few rounds']);
});

test('who did wrong since, what is gone and what was measured elsewhere is said', () => {
  const wrong = { ...BEFORE, rows: BEFORE.rows.map((row) => (row.contestant === 'own' ? { ...row, metrics: {}, errors: ['lost'] } : row)) };
  expect(compareResults(BEFORE, wrong).remarks).toContain('given, own: measured before, refused now');
  expect(compareResults(BEFORE, { ...BEFORE, scenarios: [] }).remarks).toContain('given: only in the older run');
  const elsewhere = { ...BEFORE, machine: { ...BEFORE.machine, node: 'v99.0.0' } };
  expect(compareResults(BEFORE, elsewhere).remarks).toContain(`node: ${BEFORE.machine.node} before, v99.0.0 now`);
});
