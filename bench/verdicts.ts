/** Judges the targets: by the median, and by how far it can be trusted in this run. */
import type { MillionResult } from './million/result.js';
import { judgeMillions } from './million/verdict.js';
import type { ResultRow, Results, ScenarioInfo, Verdict } from './results.js';
import { median, type Spread } from './statistics.js';
import { countedRows, figureSpread, ratioSpread } from './summary.js';
import { type Measure, TARGETS, type Target } from './targets.js';

/**
 * Standard error of a median of n values in terms of their median absolute deviation: that deviation is 0.6745 of the standard
 * deviation, and the median of n normal values has 1.2533 times the standard error of their mean.
 */
const ERROR_OF_MEDIAN = 1.2533 / 0.6745;

/** Two of them: one verdict in twenty would be wrong by chance. */
const ERRORS = 2;

/** With fewer the spread says nothing. */
const FEWEST_ROUNDS = 3;

/** A figure that is known to some factor, up and down. */
interface Known {
  readonly value: number;
  /** At least 1. */
  readonly factor: number;
}

/** How far the median of these can be off, as the logarithm of a factor. `around`: where they should lie, if that is known. */
function uncertainty(values: readonly number[], around = median(values)): number {
  if (values.some((value) => value <= 0) || around <= 0) return 0;
  const deviations = values.map((value) => Math.abs(Math.log(value / around)));
  return (ERRORS * ERROR_OF_MEDIAN * median(deviations)) / Math.sqrt(values.length);
}

/** What the machine does to two identical contestants: by how much the median of their ratio misses 1, or easily could have. */
function pairUncertainty(rows: readonly ResultRow[], { pair }: ScenarioInfo, metric: string): number {
  const ratios = pair && ratioSpread(rows, metric, pair[1], pair[0]);
  if (ratios === undefined || ratios.median <= 0) return 0;
  return Math.max(uncertainty(ratios.values, 1), Math.abs(Math.log(ratios.median)));
}

function known({ median: value, values }: Spread, ofPair: number): Known {
  return { value, factor: Math.exp(Math.max(ofPair, uncertainty(values))) };
}

function limitOf(measure: Measure): number {
  return measure.kind === 'ratio' ? measure.times : measure.bound;
}

/** Whether the value is on the right side of a limit, surely; `undefined`: nobody can tell. */
function decide({ value, factor }: Known, limit: number, better: 'lower' | 'higher'): boolean | undefined {
  const [worst, best] = better === 'lower' ? [value * factor, value / factor] : [value / factor, value * factor];
  const holds = (one: number): boolean => (better === 'lower' ? one <= limit : one >= limit);
  if (holds(worst)) return true;
  return holds(best) ? undefined : false;
}

function text(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

function percentText(value: number, limit: number): string {
  if (limit === 0) return '';
  const percent = Math.abs(100 * (value / limit - 1)).toFixed(0);
  return `, ${percent} % ${value > limit ? 'above' : 'below'} it`;
}

const WORDS = new Map([
  [true, 'reached'],
  [false, 'not reached'],
  [undefined, 'not decidable'],
] as const);

export function judge(target: Target, results: Results): Verdict {
  const { measure, metric, contestant, better } = target;
  const limit = limitOf(measure);
  const scenario = results.scenarios.find(({ name }) => name === target.scenario);
  const titleOf = (id: string): string => {
    const { title = id, version } = results.contestants.find((one) => one.id === id) ?? {};
    return version === undefined ? title : `${title} ${version}`;
  };
  const unit = scenario?.figures.find(({ key }) => key === metric)?.unit ?? '';
  const sign = better === 'lower' ? '≤' : '≥';
  const wanted = measure.kind === 'ratio' ? `${sign} ${limit} × ${titleOf(measure.to)}` : `${sign} ${limit} ${unit}`;
  const head = { target: `${target.row} · ${target.what}`, wanted };
  const reason = whyNotMeasured(target, scenario, results);
  if (scenario === undefined || reason !== undefined) return { ...head, verdict: 'not measured', why: reason ?? 'not in this run' };

  const all = results.rows.filter((row) => row.scenario === scenario.name);
  const { rows } = countedRows(all, results.rounds);
  const own = rows.filter((row) => row.contestant === contestant);
  const figure = scenario.figures.find(({ key }) => key === metric);
  const found = measure.kind === 'ratio' ? ratioSpread(rows, metric, contestant, measure.to) : figureSpread(own, figure ?? { key: metric });
  if (found === undefined) return { ...head, verdict: 'not measured', why: 'no figure' };
  const figureKnown = known(found, measure.kind === 'ratio' ? pairUncertainty(rows, scenario, metric) : 0);
  const isEnough = found.values.length >= FEWEST_ROUNDS;
  const verdictOn = (one: number): Verdict['verdict'] => (isEnough ? WORDS.get(decide(figureKnown, one, better))! : 'not decidable');
  const { value, factor } = figureKnown;
  const margin = factor === 1 ? '' : `, ± ${(100 * (factor - 1)).toFixed(0)} %`;
  const aim = measure.aim === undefined ? '' : `; aim ${measure.aim}: ${verdictOn(measure.aim)}`;
  const few = isEnough ? '' : `; fewer than ${FEWEST_ROUNDS} rounds`;
  const shown = measure.kind === 'ratio' ? `${text(value)} ×` : `${text(value)} ${unit}`;
  return { ...head, verdict: verdictOn(limit), why: `${shown}${margin}${percentText(value, limit)}${aim}${few}`, value, bound: limit };
}

function whyNotMeasured(target: Target, scenario: ScenarioInfo | undefined, results: Results): string | undefined {
  if (scenario?.skipped !== undefined) return scenario.skipped;
  const involved = [target.contestant, ...(target.measure.kind === 'ratio' ? [target.measure.to] : [])];
  for (const id of involved) {
    const reason = results.contestants.find((one) => one.id === id)?.missing;
    if (reason !== undefined) return `${id}: ${reason}`;
    const errors = results.rows.filter((row) => row.scenario === target.scenario && row.contestant === id).flatMap((row) => row.errors);
    if (errors.length > 0) return `${id} was refused: ${errors[0]}`;
  }
  return undefined;
}

/** The targets that are about this version of Node. */
export function applicableTargets(nodeVersion: string): Target[] {
  const major = Number(/\d+/.exec(nodeVersion)?.[0]);
  return TARGETS.filter(({ nodeBelow }) => nodeBelow === undefined || major < nodeBelow);
}

/** @param millions the runs with very many connections that are kept */
export function judgeTargets(results: Results, millions: readonly MillionResult[] = []): Verdict[] {
  const here = applicableTargets(results.machine.node).map((target) => judge(target, results));
  return [...here, judgeMillions(millions)].sort((a, b) => Number.parseInt(a.target, 10) - Number.parseInt(b.target, 10));
}

/** One line for each target. */
export function verdictLines(verdicts: readonly Verdict[]): string[] {
  const width = (column: (verdict: Verdict) => string): number => Math.max(...verdicts.map((verdict) => column(verdict).length));
  const [target, wanted, word] = [width((one) => one.target), width((one) => one.wanted), width((one) => one.verdict)];
  return verdicts.map((one) => `${one.target.padEnd(target)}  ${one.wanted.padEnd(wanted)}  ${one.verdict.padEnd(word)}  ${one.why}`);
}
