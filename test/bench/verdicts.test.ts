/** Verdicts on targets, from figures that are given. */
import { expect, test } from 'vitest';
import { contestant } from '../../bench/contestants.js';
import type { ResultRow, Results, ScenarioInfo } from '../../bench/results.js';
import { allScenarios } from '../../bench/scenarios.js';
import { TARGETS, type Target } from '../../bench/targets.js';
import { judge } from '../../bench/verdicts.js';

const SCENARIO: ScenarioInfo = {
  name: 'given',
  title: 'given',
  parameters: {},
  figures: [{ key: 'cpu', title: '', unit: 'µs', digits: 1 }],
  better: 'lower',
  contestants: ['us', 'c', 'c-again'],
  references: [],
  pair: ['c', 'c-again'],
};

/** A value for each round, by contestant. */
function results(values: Record<string, readonly number[]>, more: Partial<Results> = {}): Results {
  const rows = Object.entries(values).flatMap(([id, list]) =>
    list.map(
      (value, round): ResultRow => ({
        scenario: 'given',
        parameters: {},
        contestant: id,
        round,
        metrics: { cpu: { value, unit: 'µs' } },
        errors: [],
        noisy: false,
      }),
    ),
  );
  return { rounds: 5, contestants: [], scenarios: [SCENARIO], rows, ...more } as unknown as Results;
}

function target(measure: Target['measure'], better: Target['better'] = 'lower'): Target {
  return { row: 1, what: 'given', scenario: 'given', metric: 'cpu', contestant: 'us', better, measure };
}

const AT_MOST_C: Target = target({ kind: 'ratio', to: 'c', times: 1.15 });
const FLAT = [10, 10, 10, 10, 10];

test('a quiet machine decides either way, and says by how much', () => {
  const reached = judge(AT_MOST_C, results({ us: [11, 11, 11, 11, 11], c: FLAT, 'c-again': FLAT }));
  expect(reached).toMatchObject({ verdict: 'reached', value: 1.1, bound: 1.15 });
  expect(reached.why).toContain('4 % below it');
  const missed = judge(AT_MOST_C, results({ us: [12, 12, 12, 12, 12], c: FLAT, 'c-again': FLAT }));
  expect(missed).toMatchObject({ verdict: 'not reached', why: expect.stringContaining('4 % above it') });
});

test('where two identical contestants differ by as much as the margin, nothing is decided', () => {
  const noisy = judge(AT_MOST_C, results({ us: [11, 11, 11, 11, 11], c: FLAT, 'c-again': [12, 8, 11, 9, 12] }));
  expect(noisy.verdict).toBe('not decidable');
});

test('two identical contestants of which one is always faster are a spread, too', () => {
  const skewed = judge(AT_MOST_C, results({ us: [11, 11, 11, 11, 11], c: FLAT, 'c-again': [12, 12, 12, 12, 12] }));
  expect(skewed.verdict).toBe('not decidable');
});

test('a figure that moves from round to round is not known better than that', () => {
  const restless = judge(AT_MOST_C, results({ us: [8, 14, 11, 13, 9], c: FLAT, 'c-again': FLAT }));
  expect(restless.verdict).toBe('not decidable');
});

test('a margin larger than the noise is decided on a noisy machine, too', () => {
  const far = judge(AT_MOST_C, results({ us: [30, 33, 28, 31, 30], c: FLAT, 'c-again': [12, 8, 11, 9, 12] }));
  expect(far.verdict).toBe('not reached');
});

test('a rate must be at least so high', () => {
  const rate = target({ kind: 'ratio', to: 'c', times: 8 }, 'higher');
  expect(judge(rate, results({ us: [90, 90, 90], c: [10, 10, 10], 'c-again': [10, 10, 10] }))).toMatchObject({ verdict: 'reached' });
  expect(judge(rate, results({ us: [70, 70, 70], c: [10, 10, 10], 'c-again': [10, 10, 10] }))).toMatchObject({ verdict: 'not reached' });
});

test('a bound of 0 is reached by 0 only', () => {
  const none = target({ kind: 'bound', bound: 0 });
  expect(judge(none, results({ us: [0, 0, 0] })).verdict).toBe('reached');
  expect(judge(none, results({ us: [2, 2, 2] })).verdict).toBe('not reached');
});

test('two rounds decide nothing', () => {
  expect(judge(AT_MOST_C, results({ us: [5, 5], c: [10, 10], 'c-again': [10, 10] }, { rounds: 2 })).verdict).toBe('not decidable');
});

test('who is not here, or did not do the work, is not judged', () => {
  const contestants = [{ id: 'c', title: 'C', missing: 'no compiler' }];
  expect(judge(AT_MOST_C, results({ us: FLAT }, { contestants }))).toMatchObject({ verdict: 'not measured', why: 'c: no compiler' });
  const { rows, ...rest } = results({ us: FLAT, c: FLAT, 'c-again': FLAT });
  const refused = rows.map((row) =>
    row.contestant === 'us' && row.round === 4 ? { ...row, metrics: {}, errors: ['1 wrong bytes'] } : row,
  );
  expect(judge(AT_MOST_C, { ...rest, rows: refused })).toMatchObject({ verdict: 'not measured', why: 'us was refused: 1 wrong bytes' });
});

test('every target names a scenario that measures its figure for those whom it compares', () => {
  const options = { quick: false } as Parameters<typeof allScenarios>[0]['options'];
  const scenarios = allScenarios({ options, descriptorLimit: 20_000 });
  for (const { scenario: name, metric, contestant: own, measure } of TARGETS) {
    const scenario = scenarios.find((one) => one.name === name);
    expect(
      scenario?.figures.map(({ key }) => key),
      `${name}: ${metric}`,
    ).toContain(metric);
    for (const id of measure.kind === 'ratio' ? [own, measure.to] : [own]) {
      expect(scenario?.contestants, `${name}: ${id}`).toContain(id);
      expect(contestant(id).servers[scenario!.protocol], `${name}: ${id}`).toBeDefined();
    }
  }
});
