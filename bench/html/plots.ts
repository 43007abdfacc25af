/** Which plots a run has, and what is in them. */
import type { ResultRow, Results, ScenarioInfo } from '../results.js';
import { countedRows, figureSpread, type Summary, summarize } from '../summary.js';
import { type Bar, drawBarChart } from './bar-chart.js';
import { drawLineChart, type Line, type Point } from './line-chart.js';
import { compactNumber } from './scale.js';

export interface Plot {
  /** Name of its file. */
  readonly id: string;
  /** In words, for whom cannot see it. */
  readonly title: string;
  readonly kind: 'throughput' | 'latency' | 'memory' | 'cpu';
  /** Of a plot of one scenario. */
  readonly scenario?: string;
  draw(width: number): string;
}

const PERCENTILES = [
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
  ['max', 'max'],
] as const;

/** With fewer of them there is no curve. */
const LEAST_PERCENTILES = 3;

/** Memory of a connection, whole: the others are parts of it or other ways to count. */
const MEMORY = 'whole';

/** Values that differ by more than this need an axis of powers of ten. */
const LOGARITHMIC_FROM = 30;

const CPU_DIGITS = 2;

interface Contestant {
  readonly id: string;
  readonly name: string;
  readonly place: number;
}

/** Those of a scenario that did their work. Their place among all that are on the machine decides their colours. */
function measured(results: Results, summary: Summary): Contestant[] {
  const present = results.contestants.filter(({ missing }) => missing === undefined);
  return summary.rows
    .filter((row) => row.state === 'measured')
    .map((row) => ({ id: row.contestant, name: row.title, place: present.findIndex(({ id }) => id === row.contestant) }));
}

function rowsOf(results: Results, scenario: ScenarioInfo, contestant: string): readonly ResultRow[] {
  const all = results.rows.filter((row) => row.scenario === scenario.name);
  return countedRows(all, results.rounds).rows.filter((row) => row.contestant === contestant);
}

interface Family {
  readonly stem: string;
  readonly parameter: string;
  /** By that parameter, each value of it once. */
  readonly scenarios: readonly ScenarioInfo[];
}

/** Scenarios whose names differ in a number behind them only, and the parameter that this number is. */
function families(results: Results): Family[] {
  const byStem = new Map<string, ScenarioInfo[]>();
  for (const scenario of results.scenarios.filter(({ skipped }) => skipped === undefined)) {
    const stem = scenario.name.replace(/-\d+$/, '');
    byStem.set(stem, [...(byStem.get(stem) ?? []), scenario]);
  }
  return [...byStem].flatMap(([stem, scenarios]): Family[] => {
    for (const parameter of Object.keys(scenarios[0]!.parameters)) {
      const byValue = new Map(scenarios.map((scenario) => [Number(scenario.parameters[parameter]), scenario]));
      const ordered = [...byValue].sort(([a], [b]) => a - b).map(([, scenario]) => scenario);
      if (ordered.length > 1) return [{ stem, parameter, scenarios: ordered }];
    }
    return [];
  });
}

const PARAMETER_NAMES: Readonly<Record<string, string>> = { connections: 'connections', inFlight: 'messages in flight on each connection' };

function throughputPlots(results: Results): Plot[] {
  return families(results).flatMap(({ stem, parameter, scenarios }): Plot[] => {
    const unit = results.rows.find((row) => row.scenario === scenarios[0]!.name && row.metrics.rate !== undefined)?.metrics.rate?.unit;
    if (unit === undefined) return [];
    const lines = new Map<string, Line & { readonly points: Point[] }>();
    scenarios.forEach((scenario, step) => {
      for (const { id, name, place } of measured(results, summarize(results, scenario))) {
        const rate = figureSpread(rowsOf(results, scenario, id), { key: 'rate' });
        if (rate === undefined) continue;
        if (!lines.has(id)) lines.set(id, { name, place, points: [] });
        lines.get(id)!.points.push({ step, value: rate.median, least: rate.least, most: rate.most });
      }
    });
    const title = `Throughput by ${parameter === 'connections' ? 'connections' : 'messages in flight'}: ${stem}`;
    const chart = {
      title,
      explanation: `${unit}, median and spread of the rounds (up) by ${PARAMETER_NAMES[parameter] ?? parameter} (across); more is better`,
      steps: scenarios.map((scenario) => Number(scenario.parameters[parameter]).toLocaleString('en-US')),
      lines: [...lines.values()],
      logarithmic: isWide([...lines.values()]),
    };
    return [{ id: `throughput-${stem}`, title, kind: 'throughput', draw: (width) => drawLineChart(chart, width) }];
  });
}

function isWide(lines: readonly Line[]): boolean {
  const values = lines.flatMap((line) => line.points.map((point) => point.value));
  return Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > LOGARITHMIC_FROM;
}

function latencyPlots(results: Results): Plot[] {
  return results.scenarios.flatMap((scenario): Plot[] => {
    const contestants = measured(results, summarize(results, scenario));
    const known = PERCENTILES.filter(([key]) =>
      contestants.some(({ id }) => figureSpread(rowsOf(results, scenario, id), { key }) !== undefined),
    );
    if (known.length < LEAST_PERCENTILES) return [];
    const unit = results.rows.find((row) => row.scenario === scenario.name && row.metrics.p50 !== undefined)?.metrics.p50?.unit ?? '';
    const lines = contestants.map(({ id, name, place }): Line => {
      const points = known.flatMap(([key], step): Point[] => {
        const value = figureSpread(rowsOf(results, scenario, id), { key });
        return value === undefined || value.least <= 0 ? [] : [{ step, value: value.median, least: value.least, most: value.most }];
      });
      return { name, place, points };
    });
    const title = `Latency: ${scenario.title}`;
    const chart = {
      title,
      explanation: `${unit}, median and spread of the rounds (up, powers of ten) by percentile of the messages (across); less is better`,
      steps: known.map(([, name]) => name),
      lines: lines.filter(({ points }) => points.length > 0),
      logarithmic: true,
    };
    return [
      { id: `latency-${scenario.name}`, title, kind: 'latency', scenario: scenario.name, draw: (width) => drawLineChart(chart, width) },
    ];
  });
}

function memoryPlots(results: Results): Plot[] {
  return results.scenarios.flatMap((scenario): Plot[] => {
    const bars = measured(results, summarize(results, scenario)).flatMap(({ id, name, place }): Bar[] => {
      const bytes = figureSpread(rowsOf(results, scenario, id), { key: MEMORY });
      if (bytes === undefined) return [];
      return [{ name, place, parts: [bytes.median], least: bytes.least, most: bytes.most, figure: `${compactNumber(bytes.median)} B` }];
    });
    if (bars.length === 0) return [];
    const title = `Memory: ${scenario.title}`;
    const chart = { title, explanation: 'bytes for each connection, median and spread of the rounds; less is better', bars };
    return [{ id: `memory-${scenario.name}`, title, kind: 'memory', scenario: scenario.name, draw: (width) => drawBarChart(chart, width) }];
  });
}

/** @returns a bar of `user` and `system`, which are sampled coarsely: all rounds together */
function cpuPlots(results: Results): Plot[] {
  return results.scenarios.flatMap((scenario): Plot[] => {
    let unit = '';
    const bars = measured(results, summarize(results, scenario)).flatMap(({ id, name, place }): Bar[] => {
      const rows = rowsOf(results, scenario, id);
      const [user, system] = (['user', 'system'] as const).map((key) => figureSpread(rows, { key, pooled: true }));
      const whole = figureSpread(rows, { key: 'cpu' });
      if (user === undefined || system === undefined || whole === undefined) return [];
      unit = rows[0]?.metrics.cpu?.unit ?? '';
      const figure = [user, system].map(({ median }) => median.toFixed(CPU_DIGITS)).join(' + ');
      return [{ name, place, parts: [user.median, system.median], least: whole.least, most: whole.most, figure }];
    });
    if (bars.length === 0) return [];
    const title = `CPU of the server: ${scenario.title}`;
    const explanation = `${unit}: in user space (full) + in the kernel (pale), and the spread of the sum; less is better`;
    return [
      {
        id: `cpu-${scenario.name}`,
        title,
        kind: 'cpu',
        scenario: scenario.name,
        draw: (width) => drawBarChart({ title, explanation, bars }, width),
      },
    ];
  });
}

export function plotsOf(results: Results): Plot[] {
  return [...throughputPlots(results), ...cpuPlots(results), ...latencyPlots(results), ...memoryPlots(results)];
}

/** For the documents, one of each kind: what a reader asks first. By the beginnings of names, the first that there is. */
const MAIN = {
  throughput: ['throughput-ping-pong', 'throughput-'],
  cpu: ['cpu-ping-pong-1000', 'cpu-ping-pong', 'cpu-'],
  latency: ['latency-open', 'latency-ping-pong-1000', 'latency-'],
  memory: ['memory-idle', 'memory-'],
} as const;

/** @returns by kind; a kind of which the run has none is not in it */
export function mainPlots(plots: readonly Plot[]): Map<Plot['kind'], Plot> {
  const main = new Map<Plot['kind'], Plot>();
  for (const [kind, beginnings] of Object.entries(MAIN) as [Plot['kind'], readonly string[]][]) {
    const found = beginnings.map((beginning) => plots.find(({ id }) => id.startsWith(beginning))).find((plot) => plot !== undefined);
    if (found !== undefined) main.set(kind, found);
  }
  return main;
}
