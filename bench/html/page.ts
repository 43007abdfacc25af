/** The page: one file that needs nothing else, neither to be shown nor to be kept. */
import { cells, columns, heading, machineLines, noiseLine } from '../report.js';
import type { Results, ScenarioInfo, Verdict } from '../results.js';
import { type Summary, summarize } from '../summary.js';
import { mainPlots, type Plot, plotsOf } from './plots.js';
import { escapeText as text } from './svg.js';
import { CHART_STYLE, themeStyle } from './theme.js';

/** Every chart is there twice, drawn for these widths: one that is only made smaller cannot be read on a phone. */
const NARROW = 358;
const BROAD = 560;

/** The browser itself refuses whatever would come from elsewhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

const PAGE_STYLE = `
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:77rem;padding:1rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.2rem;line-height:1.3;margin:2.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}
p,li{overflow-wrap:anywhere}
.faint{color:var(--faint)}
.warning{border-left:4px solid var(--s0);padding:.25rem .75rem}
ul.warning{padding-left:2rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem}
a{color:var(--s5)}
.table{overflow-x:auto;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left}
th,td{padding:.35rem .6rem;text-align:right;vertical-align:top;border-top:1px solid var(--line);white-space:nowrap}
thead th{border-top:0;color:var(--faint);font-weight:600;white-space:normal;vertical-align:bottom}
th:first-child{text-align:left;position:sticky;left:0;background:var(--paper);font-weight:400;white-space:normal;min-width:8.5rem}
td.text{text-align:left;white-space:normal;min-width:8rem}
thead th.text{text-align:left}
tr.own th{font-weight:600}
.plots{display:grid;gap:1rem;margin:1rem 0;max-width:46rem}
.plots.several{max-width:none}
figure{margin:0;border:1px solid var(--line);border-radius:6px;overflow:hidden;min-width:0}
.chart{display:block;width:100%;height:auto}
.broad{display:none}
@media(min-width:44rem){.broad{display:block}.narrow{display:none}}
@media(min-width:64rem){.plots.several{grid-template-columns:1fr 1fr}}
`;

function figure(plot: Plot): string {
  const [narrow, broad] = [plot.draw(NARROW), plot.draw(BROAD)];
  return `<figure class="${text(plot.id)}"><div class="narrow">${narrow}</div><div class="broad">${broad}</div></figure>`;
}

function figures(plots: readonly Plot[]): string {
  if (plots.length === 0) return '';
  return `<div class="plots${plots.length > 1 ? ' several' : ''}">${plots.map(figure).join('\n')}</div>`;
}

function tableRow(summary: Summary, index: number): string {
  const row = summary.rows[index]!;
  const own = row.contestant.startsWith('netmux') ? ' class="own"' : '';
  const title = `<th scope="row">${text(row.title)}</th>`;
  if (row.state === 'measured') {
    const [, ...values] = cells(summary, row);
    return `<tr${own}>${title}${values.map((value) => `<td>${text(value)}</td>`).join('')}</tr>`;
  }
  const span = columns(summary).length + summary.scenario.references.length;
  const state = row.state === 'missing' ? 'not on this machine' : 'REFUSED';
  return `<tr${own}>${title}<td class="text" colspan="${Math.max(1, span)}">${state}: ${text(row.reason ?? '')}</td></tr>`;
}

function table(summary: Summary): string {
  const { references } = summary.scenario;
  const titles = [...columns(summary).map(heading), ...references.map(({ title }) => `× ${title}`)];
  const head = `<tr><th></th>${titles.map((title) => `<th scope="col">${text(title)}</th>`).join('')}</tr>`;
  const rows = summary.rows.map((_, index) => tableRow(summary, index));
  return `<div class="table" tabindex="0"><table><thead>${head}</thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

function section(results: Results, scenario: ScenarioInfo, plots: readonly Plot[]): string {
  const title = `<h2 id="${text(scenario.name)}">${text(scenario.title)}</h2>`;
  if (scenario.skipped !== undefined) return `<section>${title}<p class="warning">Not measured: ${text(scenario.skipped)}</p></section>`;
  const summary = summarize(results, scenario);
  const notes = [`${scenario.name}; of the first figure ${scenario.better} is better`, ...noiseLine(summary)];
  const own = plots.filter((plot) => plot.scenario === scenario.name);
  return `<section>${title}<p class="faint">${notes.map(text).join('. ')}.</p>${table(summary)}${figures(own)}</section>`;
}

function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    ({ target, wanted, verdict, why }) =>
      `<tr><th scope="row">${text(target)}</th><td class="text">${text(wanted)}</td><td class="text">${text(verdict)}</td><td class="text">${text(why)}</td></tr>`,
  );
  const head = `<tr><th></th>${['wanted', 'verdict', 'why'].map((title) => `<th class="text" scope="col">${title}</th>`).join('')}</tr>`;
  return `<section><h2 id="targets">Targets</h2><div class="table" tabindex="0"><table><thead>${head}</thead><tbody>\n${rows.join('\n')}\n</tbody></table></div></section>`;
}

const METHOD = `Each measurement has a fresh server process; the contestants of a round follow one another, and the next round begins with another
one. Figures are medians of the rounds [least–most]; columns with × are ratios that were formed within a round. The load compares every
byte that comes back; who sends a wrong one, swallows a message or loses a connection gets no figure. Two contestants that are the same
program show the noise of the run: differences inside it say nothing.`;

/** @param results of a whole run; every scenario, every contestant and every figure of its tables is on the page */
export function renderPage(results: Results): string {
  const plots = plotsOf(results);
  const main = [...mainPlots(plots).values()];
  // A plot of one scenario is in its section, too; one of several scenarios has no other place.
  const overall = [...main, ...plots.filter((plot) => plot.scenario === undefined && !main.includes(plot))];
  const links = results.scenarios.map(({ name }) => `<a href="#${text(name)}">${text(name)}</a>`);
  const body = [
    '<h1>netmux bench</h1>',
    `<p>${text(results.date.slice(0, 16).replace('T', ' '))} UTC · ${results.rounds} rounds of ${results.windowMs / 1000} s</p>`,
    `<ul${results.quick ? ' class="warning"' : ''}>${machineLines(results)
      .map((line) => `<li>${text(line)}</li>`)
      .join('')}</ul>`,
    `<p class="faint">${text(METHOD)}</p>`,
    `<nav>${links.join('\n')}</nav>`,
    ...(results.verdicts === undefined ? [] : [verdictTable(results.verdicts)]),
    `<section id="overview">${figures(overall)}</section>`,
    ...results.scenarios.map((scenario) => section(results, scenario, plots)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>netmux bench, ${text(results.date.slice(0, 10))}</title>
<style>
${themeStyle(':root')}
${CHART_STYLE}
${PAGE_STYLE.trim()}
</style>
</head>
<body>
${body.join('\n')}
</body>
</html>
`;
}
