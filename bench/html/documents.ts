/** The generated parts of README.md and docs/performance.md, and the pictures in them. That of docs/many-connections.md: ../million/capacity.ts */
import { type MillionResult, resultLines } from '../million/result.js';
import { cells, columns, heading, machineLines, noiseLine, number } from '../report.js';
import type { Results, ScenarioInfo } from '../results.js';
import { type Summary, summarize } from '../summary.js';
import { standalone } from './chart.js';
import { mainPlots, type Plot, plotsOf } from './plots.js';

/** Legible in a column of text as well as on a phone, where it is made a little smaller. */
const PICTURE_WIDTH = 520;

/** Below docs/. */
const PICTURES = 'images';

/** Which of the pictures the README has room for. */
const README_KINDS: readonly Plot['kind'][] = ['throughput', 'memory'];

export type DocumentName = 'README.md' | 'docs/performance.md' | 'docs/many-connections.md';

/** @returns pictures by path, from the project's root */
export function pictures(results: Results): Map<string, string> {
  const files = new Map<string, string>();
  for (const [kind, plot] of mainPlots(plotsOf(results))) files.set(`docs/${PICTURES}/${kind}.svg`, standalone(plot.draw(PICTURE_WIDTH)));
  return files;
}

function pictureLines(results: Results, folder: string, kinds?: readonly Plot['kind'][]): string[] {
  return [...mainPlots(plotsOf(results))]
    .filter(([kind]) => kinds === undefined || kinds.includes(kind))
    .map(([kind, { title }]) => `![${title.replace(/[[\]]/g, '')}](${folder}${PICTURES}/${kind}.svg)`);
}

/** What would otherwise be a tag, or the end of a cell. */
function plain(content: string): string {
  return content.replaceAll('<', '&lt;').replaceAll('|', '\\|');
}

function tableLine(parts: readonly string[]): string {
  return `| ${parts.map(plain).join(' | ')} |`;
}

function tableLines(summary: Summary): string[] {
  const measured = summary.rows.filter(({ state }) => state === 'measured');
  const titles = ['', ...columns(summary).map(heading), ...summary.scenario.references.map(({ title }) => `× ${title}`)];
  const others = summary.rows
    .filter(({ state }) => state !== 'measured')
    .map(({ title, state, reason }) => `* ${title}: ${state === 'missing' ? 'not on that machine' : 'REFUSED'}, ${plain(reason ?? '')}`);
  const table =
    measured.length === 0
      ? []
      : [
          tableLine(titles),
          tableLine(titles.map((_, column) => (column === 0 ? '---' : '---:'))),
          ...measured.map((row) => tableLine(cells(summary, row))),
          '',
        ];
  return [...table, ...others, ...noiseLine(summary).map((line) => `* ${line}`)];
}

function section(results: Results, scenario: ScenarioInfo): string[] {
  const title = ['', `### ${plain(scenario.title)}`, ''];
  if (scenario.skipped !== undefined) return [...title, `Not measured: ${plain(scenario.skipped)}`];
  const summary = summarize(results, scenario);
  return [...title, `\`${scenario.name}\`; of the first figure ${scenario.better} is better.`, '', ...tableLines(summary)];
}

function verdictLines({ verdicts }: Results): string[] {
  if (verdicts === undefined) return [];
  const rows = verdicts.map(({ target, wanted, verdict, why }) => tableLine([target, wanted, verdict, why]));
  return ['', '### Targets', '', tableLine(['target', 'wanted', 'verdict', '']), tableLine(['---', '---', '---', '---']), ...rows];
}

function conditionLines(results: Results): string[] {
  const run = `${results.date.slice(0, 10)}, ${results.rounds} rounds of ${results.windowMs / 1000} s; medians [least–most], ratios within a round.`;
  return [run, '', ...machineLines(results).map((line) => `* ${line}`)];
}

/** All tables of the run, those in which netmux loses like the others, and the runs with very many connections. */
export function performancePart(results: Results, millions: readonly MillionResult[]): string {
  const lines = [...conditionLines(results), '', ...pictureLines(results, ''), ...verdictLines(results)];
  for (const scenario of results.scenarios) lines.push(...section(results, scenario));
  if (millions.length > 0) lines.push('', '### Very many connections', '');
  for (const million of millions) lines.push('```text', ...resultLines(million), '```', '');
  return lines.join('\n').trimEnd();
}

/** Whom the README compares: a heading, and whose first figure stands below it; of several the first that took part. */
const README_COLUMNS: readonly (readonly [title: string, ...contestants: string[]])[] = [
  ['native engine', 'netmux-native'],
  ['pure-Node engine', 'netmux-node'],
  ['idiomatic `node:net`', 'net'],
  ['Bun', 'bun'],
  ['C epoll, redis-server', 'epoll', 'redis'],
];

/** One line for each scenario in which netmux and another one of these took part, those in which netmux loses like the others. */
function readmeTable(results: Results): string[] {
  const lines = results.scenarios.flatMap((scenario) => {
    const figure = scenario.figures[0];
    if (scenario.skipped !== undefined || figure === undefined) return [];
    const { rows } = summarize(results, scenario);
    const medians = README_COLUMNS.map(([, ...contestants]) => {
      const row = contestants.flatMap((id) => rows.find(({ contestant, state }) => contestant === id && state === 'measured') ?? [])[0];
      const median = row?.figures[figure.key]?.median;
      return median === undefined ? '' : number(median, figure.digits);
    });
    const [own, ...others] = medians;
    if (own === '' || others.every((median) => median === '')) return [];
    return [[`${scenario.title}: ${heading(figure)}, ${scenario.better} is better`, ...medians]];
  });
  const titles = ['', ...README_COLUMNS.map(([title]) => title)];
  // Nothing but the targets was measured: not everybody took part.
  const taken = (_: string, column: number) => column === 0 || lines.some((line) => line[column] !== '');
  const ruler = titles.map((_, column) => (column === 0 ? '---' : '---:'));
  return [titles, ruler, ...lines].map((line) => tableLine(line.filter(taken)));
}

export function readmePart(results: Results): string {
  const { machine } = results;
  const caption = [
    `Medians of ${results.rounds} rounds; ${machine.processor}, ${machine.processors} processors, Linux ${machine.kernel}, Node ${machine.node},`,
    `loopback, ${results.date.slice(0, 10)}. [All figures, with their spread](docs/performance.md).`,
  ].join(' ');
  return [...readmeTable(results), '', caption, '', ...pictureLines(results, 'docs/', README_KINDS)].join('\n');
}

const BEGIN = '<!-- bench:begin, written by npm run bench:report -->';
const END = '<!-- bench:end -->';

/** @returns the document with another generated part; `undefined` when it has no marks around one */
export function replacePart(document: string, part: string): string | undefined {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) return undefined;
  return `${document.slice(0, begin + BEGIN.length)}\n\n${part}\n\n${document.slice(end)}`;
}
