/** From single measurements to medians, spreads and ratios: what every report shows of a scenario. */
import type { ContestantInfo, Figure, ResultRow, Results, ScenarioInfo } from './results.js';
import { pooled, type Spread, spread } from './statistics.js';

/** A contestant's line in the table of a scenario. */
export interface SummaryRow {
  readonly contestant: string;
  readonly title: string;
  /** 'refused': it did not do its work, so it has no figures. 'missing': it is not on this machine. */
  readonly state: 'measured' | 'refused' | 'missing';
  readonly reason?: string;
  /** By key; empty unless measured. */
  readonly figures: Readonly<Record<string, Spread>>;
  /** First figure over that of the other within each round, by id of the other; only of those that have one. */
  readonly ratios: Readonly<Record<string, Spread>>;
}

export interface Summary {
  readonly scenario: ScenarioInfo;
  readonly rows: readonly SummaryRow[];
  /** Rounds that the figures come from. */
  readonly rounds: number;
  /** Rounds that were noisy. */
  readonly noisy: number;
  /** There were too few quiet rounds: the noisy ones are in the figures. */
  readonly noiseIncluded: boolean;
}

/**
 * The rounds that count: the quiet ones, or all when less than half of those asked for were quiet.
 * @param rounds asked for
 */
export function countedRows(
  rows: readonly ResultRow[],
  rounds: number,
): { readonly rows: readonly ResultRow[]; readonly noiseIncluded: boolean } {
  const quiet = rows.filter((row) => !row.noisy);
  const noiseIncluded = roundsOf(quiet) * 2 < rounds;
  return { rows: noiseIncluded ? rows : quiet, noiseIncluded: noiseIncluded && quiet.length < rows.length };
}

function roundsOf(rows: readonly ResultRow[]): number {
  return new Set(rows.map((row) => row.round)).size;
}

export function summarize(results: Pick<Results, 'rounds' | 'contestants' | 'rows'>, scenario: ScenarioInfo): Summary {
  const all = results.rows.filter((row) => row.scenario === scenario.name);
  const { rows: counted, noiseIncluded } = countedRows(all, results.rounds);
  const rows = scenario.contestants.map((id): SummaryRow => {
    const info = results.contestants.find((one) => one.id === id) ?? { id, title: id };
    return summaryRow(scenario, info, all, counted);
  });
  const noisy = roundsOf(all.filter((row) => row.noisy));
  return { scenario, rows, rounds: roundsOf(counted), noisy, noiseIncluded };
}

function summaryRow(scenario: ScenarioInfo, info: ContestantInfo, all: readonly ResultRow[], counted: readonly ResultRow[]): SummaryRow {
  const title = info.version === undefined ? info.title : `${info.title} ${info.version}`;
  const row = { contestant: info.id, title, figures: {}, ratios: {} };
  if (info.missing !== undefined) return { ...row, state: 'missing', reason: info.missing };
  const errors = errorsOf(all, info.id);
  if (errors.length > 0) return { ...row, state: 'refused', reason: errors.join('; ') };
  const own = counted.filter(({ contestant }) => contestant === info.id);
  if (own.length === 0) return { ...row, state: 'missing', reason: 'not measured' };
  const figures: Record<string, Spread> = {};
  for (const figure of scenario.figures) {
    const value = figureSpread(own, figure);
    if (value !== undefined) figures[figure.key] = value;
  }
  const ratios: Record<string, Spread> = {};
  for (const { contestant } of scenario.references) {
    if (errorsOf(all, contestant).length > 0) continue;
    const value = ratioSpread(counted, scenario.figures[0]!.key, info.id, contestant);
    if (value !== undefined) ratios[contestant] = value;
  }
  return { ...row, state: 'measured', figures, ratios };
}

function errorsOf(rows: readonly ResultRow[], contestant: string): string[] {
  return rows.filter((row) => row.contestant === contestant).flatMap((row) => row.errors);
}

/** `undefined` when no row has it. */
export function figureSpread(rows: readonly ResultRow[], { key, pooled: isPooled }: Pick<Figure, 'key' | 'pooled'>): Spread | undefined {
  const metrics = rows.flatMap((row) => row.metrics[key] ?? []);
  if (metrics.length === 0) return undefined;
  return isPooled ? pooled(metrics) : spread(metrics.map(({ value }) => value));
}

/** The machine moves from round to round, so only what lies in the same round is compared. `undefined` when there is no such round. */
export function ratioSpread(rows: readonly ResultRow[], key: string, contestant: string, other: string): Spread | undefined {
  const ratios: number[] = [];
  for (const row of rows.filter((one) => one.contestant === contestant)) {
    const reference = rows.find((one) => one.contestant === other && one.round === row.round);
    const [value, divisor] = [row.metrics[key]?.value, reference?.metrics[key]?.value];
    if (value !== undefined && divisor !== undefined) ratios.push(value / divisor);
  }
  // Memory that a server does not need more of is 0 or, after a collection, less.
  return ratios.length > 0 && ratios.every((ratio) => Number.isFinite(ratio) && ratio >= 0) ? spread(ratios) : undefined;
}
