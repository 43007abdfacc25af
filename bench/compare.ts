/** `--compare`: what a run shows that an older one did not, and what is only noise. */
import type { Figure, Results, ScenarioInfo } from './results.js';
import type { Spread } from './statistics.js';
import { type Summary, type SummaryRow, summarize } from './summary.js';

/** With fewer rounds the spread is not known. */
const LEAST_ROUNDS = 3;

/** Differences below it are not worth a look, however small the spread happens to be. */
const LEAST_CHANGE = 0.03;

/** More of these is better; of all others less is, but for those that are no merit at all. */
const MORE_IS_BETTER = new Set(['rate']);
const NO_MERIT = new Set(['serverBusy', 'loadBusy', 'foreign', 'start']);

export interface Change {
  readonly scenario: string;
  readonly contestant: string;
  /** Heading of the figure with its unit. */
  readonly figure: string;
  /** Medians: of the values, or of the ratios to the contestant in `against`. */
  readonly before: number;
  readonly after: number;
  readonly digits: number;
  /** Whom both runs had for a yardstick: the machine may have been faster or slower as a whole. */
  readonly against?: string;
  readonly verdict: 'better' | 'worse' | 'inside the noise' | 'too few rounds';
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** What differs in the conditions, and who is only in one of the runs. */
  readonly remarks: readonly string[];
}

function conditions(older: Results, newer: Results): string[] {
  const parts = ['processor', 'processors', 'memoryGiB', 'kernel', 'node', 'commit'] as const;
  const differing = parts.filter((part) => older.machine[part] !== newer.machine[part]);
  const remarks = differing.map((part) => `${part}: ${older.machine[part] ?? 'none'} before, ${newer.machine[part] ?? 'none'} now`);
  if (older.quick || newer.quick) remarks.push('one of them is of the quick form: its figures mean nothing');
  if (older.windowMs !== newer.windowMs) remarks.push(`measurements of ${older.windowMs} ms before, ${newer.windowMs} ms now`);
  return remarks;
}

function directionOf(figure: Figure, index: number, scenario: ScenarioInfo): 'lower' | 'higher' | undefined {
  if (index === 0) return scenario.better;
  if (NO_MERIT.has(figure.key)) return undefined;
  return MORE_IS_BETTER.has(figure.key) ? 'higher' : 'lower';
}

/** What two runs of the same program differ by: the larger one of both runs, as a share. */
function noiseOf(key: string, summaries: readonly Summary[]): number {
  const shares = summaries.map(({ scenario, rows }) => {
    const [one, other] = (scenario.pair ?? []).map((id) => rows.find(({ contestant }) => contestant === id)?.figures[key]?.median);
    return one === undefined || other === undefined || one <= 0 || other <= 0 ? 0 : Math.abs(Math.log(one / other));
  });
  return Math.max(LEAST_CHANGE, ...shares);
}

function judge(before: Spread, after: Spread, better: 'lower' | 'higher', noise: number): Change['verdict'] {
  if (before.values.length < LEAST_ROUNDS || after.values.length < LEAST_ROUNDS) return 'too few rounds';
  const apart = before.most < after.least || after.most < before.least;
  const large = before.median <= 0 || after.median <= 0 || Math.abs(Math.log(after.median / before.median)) > noise;
  if (!apart || !large) return 'inside the noise';
  return after.median < before.median === (better === 'lower') ? 'better' : 'worse';
}

/** The last one to compare with is what the machine allows: its own program does not change from run to run. */
function yardstick(scenario: ScenarioInfo, before: SummaryRow, after: SummaryRow): string | undefined {
  const last = scenario.references.at(-1)?.contestant;
  if (last === undefined || last === after.contestant || scenario.pair?.includes(after.contestant)) return undefined;
  return before.ratios[last] !== undefined && after.ratios[last] !== undefined ? last : undefined;
}

function compareRows(scenario: ScenarioInfo, before: SummaryRow, after: SummaryRow, summaries: readonly Summary[]): Change[] {
  return scenario.figures.flatMap((figure, index): Change[] => {
    const better = directionOf(figure, index, scenario);
    const against = index === 0 ? yardstick(scenario, before, after) : undefined;
    const [old, now] = [before, after].map((row) => (against === undefined ? row.figures[figure.key] : row.ratios[against]));
    if (better === undefined || old === undefined || now === undefined) return [];
    return [
      {
        scenario: scenario.name,
        contestant: after.title,
        figure: `${figure.title} ${figure.unit}`.trim(),
        before: old.median,
        after: now.median,
        digits: against === undefined ? figure.digits : 2,
        ...(against === undefined ? {} : { against: summaries[1]!.rows.find(({ contestant }) => contestant === against)!.title }),
        verdict: judge(old, now, better, noiseOf(figure.key, summaries)),
      },
    ];
  });
}

export function compareResults(older: Results, newer: Results): Comparison {
  const remarks = conditions(older, newer);
  const changes: Change[] = [];
  for (const scenario of newer.scenarios) {
    const earlier = older.scenarios.find(({ name }) => name === scenario.name);
    if (earlier === undefined) {
      remarks.push(`${scenario.name}: not in the older run`);
      continue;
    }
    const summaries = [summarize(older, earlier), summarize(newer, scenario)];
    for (const after of summaries[1]!.rows) {
      const before = summaries[0]!.rows.find(({ contestant }) => contestant === after.contestant);
      if (before === undefined || before.state !== after.state) {
        remarks.push(`${scenario.name}, ${after.title}: ${before?.state ?? 'not there'} before, ${after.state} now`);
      } else {
        changes.push(...compareRows(scenario, before, after, summaries));
      }
    }
  }
  const gone = older.scenarios.filter(({ name }) => !newer.scenarios.some((scenario) => scenario.name === name));
  return { changes, remarks: [...remarks, ...gone.map(({ name }) => `${name}: only in the older run`)] };
}

function describe({ scenario, contestant, figure, before, after, digits, against, verdict }: Change): string {
  const number = (value: number): string => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const share = before > 0 ? ` (${after >= before ? '+' : '−'}${Math.abs(100 * (after / before - 1)).toFixed(0)} %)` : '';
  const measure = against === undefined ? figure : `${figure}, as a ratio to ${against}`;
  return `${verdict.toUpperCase()} ${scenario}, ${contestant}: ${measure}: ${number(before)} → ${number(after)}${share}`;
}

/** What to show: all that is outside the noise, worse things first, and how much is inside it. */
export function comparisonLines(older: Results, newer: Results): string[] {
  const { changes, remarks } = compareResults(older, newer);
  const of = (verdict: Change['verdict']): Change[] => changes.filter((change) => change.verdict === verdict);
  const undecided = of('too few rounds').length;
  return [
    `compared with the run of ${older.date.slice(0, 16).replace('T', ' ')}:`,
    ...[...of('worse'), ...of('better')].map((change) => `  ${describe(change)}`),
    `  ${of('inside the noise').length} figures inside the noise${undecided === 0 ? '' : `, ${undecided} with too few rounds to say`}`,
    ...remarks.map((remark) => `  ${remark}`),
  ];
}
