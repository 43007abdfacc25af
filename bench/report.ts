/** The report on the terminal. */
import type { Figure, Results } from './results.js';
import type { Spread } from './statistics.js';
import type { Summary, SummaryRow } from './summary.js';

const GAP = '  ';

/** The conditions of the run, first of all in the report. */
export function machineLines(results: Results): string[] {
  const { machine } = results;
  const host = `${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB`;
  const programs = Object.values(machine.programs).join(' · ');
  const engines = Object.entries(results.engines).map(([engine, state]) => `${engine} engine: ${state}`);
  const pinning = results.pinned
    ? 'server on one core, load on another'
    : 'not pinned: fewer than two cores, or no taskset; server and load disturb each other';
  return [
    `${host}, ${machine.system} ${machine.kernel}, node ${machine.node}`,
    ...(programs === '' ? [] : [programs]),
    [`netmux ${machine.commit ?? 'without a commit'}`, ...engines].join(' · '),
    ...(results.nothing === undefined ? [pinning] : []),
    ...(results.quick ? ['quick form: it shows that everything works; its figures mean nothing'] : []),
    ...(results.nothing === undefined ? [] : [`nothing is measured: ${results.nothing}`]),
  ];
}

export function number(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function range(value: Spread, digits: number): string {
  const median = number(value.median, digits);
  return value.values.length === 1 ? median : `${median} [${number(value.least, digits)}–${number(value.most, digits)}]`;
}

function ratioText(value: Spread | undefined): string {
  return value === undefined ? '–' : range(value, 2);
}

export function heading({ title, unit }: Figure): string {
  return `${title} ${unit}`.trim();
}

/** Those that have a figure for somebody; the others are for the file only. */
export function columns({ scenario, rows }: Summary): Figure[] {
  return scenario.figures.filter(({ key }) => rows.some((row) => row.figures[key] !== undefined));
}

export function cells(summary: Summary, row: SummaryRow): string[] {
  const figures = columns(summary).map(({ key, digits, ranged }, i) => {
    const value = row.figures[key];
    if (value === undefined) return '–';
    return i === 0 || ranged ? range(value, digits) : number(value.median, digits);
  });
  return [row.title, ...figures, ...summary.scenario.references.map(({ contestant }) => ratioText(row.ratios[contestant]))];
}

export function noiseLine({ noisy, noiseIncluded }: Summary): string[] {
  if (noisy === 0) return [];
  const rounds = noisy === 1 ? '1 noisy round' : `${noisy} noisy rounds`;
  return [noiseIncluded ? `${rounds}, and too few quiet ones: all are in these figures` : `${rounds} repeated and left out`];
}

/** One table; contestants without figures follow as lines of their own. */
export function tableLines(summary: Summary): string[] {
  const { scenario } = summary;
  const first = `${scenario.name}: ${scenario.title} (${scenario.better} is better)`;
  if (scenario.skipped !== undefined) return [first, `${GAP}not measured: ${scenario.skipped}`];
  const measured = summary.rows.filter((row) => row.state === 'measured');
  const titles = ['', ...columns(summary).map(heading), ...scenario.references.map(({ title }) => `× ${title}`)];
  const table = [titles, ...measured.map((row) => cells(summary, row))];
  const widths = titles.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  const lines = table.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(GAP),
  );
  const others = summary.rows
    .filter((row) => row.state !== 'measured')
    .map((row) => `${row.title}: ${row.state === 'missing' ? 'missing' : 'REFUSED'}, ${row.reason ?? ''}`);
  return [first, ...[...(measured.length === 0 ? [] : lines), ...others, ...noiseLine(summary)].map((line) => (GAP + line).trimEnd())];
}
