/** Measures a scenario: rounds, contestants interleaved, noisy rounds repeated. */
import type { Contestant } from './contestants.js';
import { FOREIGN_LIMIT_PERCENT, PAIR_LIMIT } from './noise.js';
import type { Figure, Metric, ResultRow, ScenarioInfo } from './results.js';
import { type Bench, type Entry, entries, type Sample, type Scenario } from './scenario.js';
import { findOnPath } from './toolchain.js';

/** Told before each measurement. */
export type Progress = (scenario: ScenarioInfo, round: number, contestant: Contestant) => void;

/** Why contestants do not take part, by id. */
export type Missing = ReadonlyMap<string, string>;

/** A noisy machine stays noisy: repetitions are worth this share of the rounds and no more. */
const MOST_REPETITIONS = 0.5;

/** @returns a row for each measurement; none when the scenario cannot be measured here */
export async function runScenario(bench: Bench, missing: Missing, scenario: Scenario, progress: Progress): Promise<ResultRow[]> {
  if (whySkipped(scenario) !== undefined) return [];
  const field = entries(scenario).filter(({ contestant }) => !missing.has(contestant.id));
  if (field.length === 0) return [];
  const { rounds, quick } = bench.options;
  const most = rounds + (quick ? 0 : Math.floor(rounds * MOST_REPETITIONS));
  const rows: ResultRow[] = [];
  for (let round = 0, quiet = 0; round < most && quiet < rounds; round++) {
    // Everybody is first once: what the machine does at the beginning of a round must not always hit the same one.
    const start = round % field.length;
    const refused = new Set(rows.filter((row) => row.errors.length > 0).map((row) => row.contestant));
    const order = [...field.slice(start), ...field.slice(0, start)].filter(({ contestant }) => !refused.has(contestant.id));
    if (order.length === 0) break;
    const measured = await runRound(bench, scenario, round, order, progress);
    // The quick form has no times to judge.
    const noisy = !quick && isNoisy(scenario, measured);
    rows.push(...measured.map((row) => ({ ...row, noisy })));
    if (!noisy) quiet++;
  }
  return rows;
}

/** Why the scenario cannot be measured on this machine. */
export function whySkipped(scenario: Scenario): string | undefined {
  const absent = scenario.needs?.find((program) => findOnPath(program) === undefined);
  return scenario.skipped ?? (absent === undefined ? undefined : `${absent} is not on the path`);
}

async function runRound(
  bench: Bench,
  scenario: Scenario,
  round: number,
  order: readonly Entry[],
  progress: Progress,
): Promise<ResultRow[]> {
  const rows: ResultRow[] = [];
  for (const { contestant, launch } of order) {
    progress(scenario, round, contestant);
    const row = { scenario: scenario.name, parameters: scenario.parameters, contestant: contestant.id, round, noisy: false };
    try {
      const sample = await scenario.measure(bench, launch, round);
      rows.push({ ...row, metrics: metricsOf(sample, scenario.figures), errors: [] });
    } catch (error) {
      rows.push({ ...row, metrics: {}, errors: [error instanceof Error ? error.message : String(error)] });
    }
  }
  return rows;
}

function metricsOf(sample: Sample, figures: readonly Figure[]): Record<string, Metric> {
  return Object.fromEntries(
    Object.entries(sample).map(([key, { amount, per, unit }]) => [
      key,
      {
        value: amount / per,
        unit: unit ?? figures.find((figure) => figure.key === key)?.unit ?? '',
        ...(per === 1 ? {} : { weight: per }),
      },
    ]),
  );
}

function isNoisy(scenario: Scenario, rows: readonly ResultRow[]): boolean {
  if (rows.some((row) => (row.metrics.foreign?.value ?? 0) > FOREIGN_LIMIT_PERCENT)) return true;
  const key = scenario.figures[0]!.key;
  const [one, other] = (scenario.pair ?? []).map((id) => rows.find((row) => row.contestant === id)?.metrics[key]?.value);
  return one !== undefined && other !== undefined && Math.max(one / other, other / one) > PAIR_LIMIT;
}
