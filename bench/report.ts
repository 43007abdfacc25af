/** The report on the terminal. */
import type { Results, Row, ScenarioResult } from './results.js';
import type { Spread } from './statistics.js';

const GAP = '  ';

/** In a closed loop one side is always at work, but for a server that waits for Nagle's algorithm now and then. */
const BUSY_PERCENT = 60;

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

function number(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function range(value: Spread, digits: number): string {
  const median = number(value.median, digits);
  return value.values.length === 1 ? median : `${median} [${number(value.least, digits)}–${number(value.most, digits)}]`;
}

function ratioText(value: Spread | undefined): string {
  return value === undefined ? '–' : range(value, 2);
}

function cells(result: ScenarioResult, row: Row): string[] {
  const figures = result.figures.map(({ key, digits, ranged }, i) => {
    const value = row.figures[key]!;
    return i === 0 || ranged ? range(value, digits) : number(value.median, digits);
  });
  return [row.title, ...figures, ...result.references.map(({ contestant }) => ratioText(row.ratios[contestant]))];
}

/** Whether neither server nor load got the processor, so that messages per second are a figure of somebody else. */
function wasDisturbed(row: Row): boolean {
  const { serverBusy, loadBusy } = row.figures;
  return serverBusy !== undefined && loadBusy !== undefined && Math.max(serverBusy.median, loadBusy.median) < BUSY_PERCENT;
}

/** One table; contestants without figures follow as lines of their own. */
export function tableLines(result: ScenarioResult): string[] {
  const heading = `${result.name}: ${result.title} (${result.better} is better)`;
  if (result.skipped !== undefined) return [heading, `${GAP}not measured: ${result.skipped}`];
  const measured = result.rows.filter((row) => row.state === 'measured');
  const titles = ['', ...result.figures.map((figure) => figure.title), ...result.references.map(({ title }) => `× ${title}`)];
  const table = [titles, ...measured.map((row) => cells(result, row))];
  const widths = titles.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  const lines = table.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(GAP),
  );
  const others = result.rows
    .filter((row) => row.state !== 'measured')
    .map((row) => `${row.title}: ${row.state === 'missing' ? 'missing' : 'REFUSED'}, ${row.reason ?? ''}`);
  const disturbed = measured.filter(wasDisturbed).map((row) => row.title);
  const warning = disturbed.length === 0 ? [] : [`other processes had the cores while these were measured: ${disturbed.join('; ')}`];
  return [heading, ...[...(measured.length === 0 ? [] : lines), ...others, ...warning].map((line) => (GAP + line).trimEnd())];
}
