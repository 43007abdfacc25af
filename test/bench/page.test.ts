/** The page and the documents that are made of a recorded run: complete, self-contained, and right whatever the run brought. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { performancePart, pictures, readmePart, replacePart } from '../../bench/html/documents.js';
import { renderPage } from '../../bench/html/page.js';
import { plotsOf } from '../../bench/html/plots.js';
import { escapeText } from '../../bench/html/svg.js';
import { cells } from '../../bench/report.js';
import type { Results } from '../../bench/results.js';
import { summarize } from '../../bench/summary.js';

const sample = JSON.parse(readFileSync(new URL('sample-results.json', import.meta.url), 'utf8')) as Results;

/** Whatever makes a browser fetch something. */
const FETCHES = [
  /<(script|link|iframe|object|embed|img|image|use|audio|video|source|base)\b/i,
  /\bsrc(set)?=/i,
  /url\(/i,
  /@import/i,
  /href="(?!#)/i,
];

/** The part of the page, or of the document, about one scenario. */
function sectionOf(page: string, name: string): string {
  const begin = page.indexOf(`id="${name}"`);
  expect(begin, name).toBeGreaterThan(0);
  return page.slice(begin, page.indexOf('</section>', begin));
}

/** The sample with a change to all rows of one contestant in one scenario. */
function withRows(scenario: string, contestant: string, change: Partial<Results['rows'][number]>): Results {
  const rows = sample.rows.map((row) => (row.scenario === scenario && row.contestant === contestant ? { ...row, ...change } : row));
  return { ...sample, rows };
}

const measured = sample.scenarios.find(({ skipped }) => skipped === undefined)!;

describe('the page', () => {
  const page = renderPage(sample);

  test('asks for nothing from elsewhere', () => {
    for (const pattern of FETCHES) expect(page).not.toMatch(pattern);
    expect(page).toContain("default-src 'none'");
  });

  test('names machine, kernel, versions and commit', () => {
    const { processor, kernel, node, commit } = sample.machine;
    for (const part of [processor, kernel, node, commit!]) expect(page).toContain(escapeText(part));
  });

  test('has every row of every scenario with all that the table on the terminal says', () => {
    for (const scenario of sample.scenarios) {
      const section = sectionOf(page, scenario.name);
      if (scenario.skipped !== undefined) {
        expect(section).toContain(escapeText(scenario.skipped));
        continue;
      }
      const summary = summarize(sample, scenario);
      const lines = section.split('\n').filter((line) => line.startsWith('<tr'));
      expect(lines).toHaveLength(scenario.contestants.length);
      summary.rows.forEach((row, i) => {
        const line = lines[i]!;
        expect(line).toContain(escapeText(row.title));
        if (row.state !== 'measured') expect(line).toContain(escapeText(row.reason!));
        else for (const cell of cells(summary, row)) expect(line).toContain(escapeText(cell));
      });
    }
  });

  test('has a plot of the CPU time, the latency and the memory of each scenario that measured them, and of throughput', () => {
    const kinds = plotsOf(sample).map(({ kind }) => kind);
    for (const kind of ['throughput', 'cpu', 'latency', 'memory'] as const) expect(kinds).toContain(kind);
    for (const { id, scenario } of plotsOf(sample)) expect(sectionOf(page, scenario ?? 'overview')).toContain(`<figure class="${id}">`);
  });

  test('prints who did wrong, with the fault and without a figure', () => {
    const contestant = measured.contestants[0]!;
    const refused = withRows(measured.name, contestant, { errors: ['3 wrong bytes'], metrics: {} });
    const title = refused.contestants.find(({ id }) => id === contestant)!.title;
    const section = sectionOf(renderPage(refused), measured.name);
    const line = section.split('\n').find((each) => each.startsWith('<tr') && each.includes(escapeText(title)));
    expect(line).toContain('REFUSED');
    expect(line).toContain('3 wrong bytes');
    // Neither is it in a plot.
    expect(section.slice(section.indexOf('<figure'))).not.toContain(`>${escapeText(title)}<`);
  });

  test('says what was not measured, and why', () => {
    const skipped = { ...sample, scenarios: sample.scenarios.map((scenario) => ({ ...scenario, skipped: 'no wrk on the path' })) };
    expect(sectionOf(renderPage(skipped), measured.name)).toContain('no wrk on the path');
  });

  test('shows the verdicts on the targets', () => {
    const verdict = { target: '1 · CPU', wanted: '≤ 1.15 × C', verdict: 'not reached', why: '1.30, 13 % over' } as const;
    const judged = renderPage({ ...sample, verdicts: [verdict] });
    for (const part of Object.values(verdict)) expect(judged).toContain(part);
  });

  test('takes no text for markup', () => {
    const titled = { ...sample, scenarios: [{ ...measured, title: '<script>alert("1" & 2)</script>' }] };
    expect(renderPage(titled)).not.toContain('<script');
    expect(renderPage(titled)).toContain('&lt;script&gt;alert(&quot;1&quot; &amp; 2)&lt;/script&gt;');
  });

  test('can be made of a run that measured nothing', () => {
    expect(renderPage({ ...sample, nothing: 'no C++ compiler', scenarios: [], rows: [] })).toContain('no C++ compiler');
  });
});

describe('the documents', () => {
  test('have one picture of each kind, which needs nothing else and follows the reader into the dark', () => {
    const files = pictures(sample);
    expect([...files.keys()].sort()).toEqual(['cpu', 'latency', 'memory', 'throughput'].map((kind) => `docs/images/${kind}.svg`));
    for (const svg of files.values()) {
      for (const pattern of FETCHES) expect(svg).not.toMatch(pattern);
      expect(svg).toContain('prefers-color-scheme:dark');
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d/);
    }
  });

  test('have every row, whoever won', () => {
    const part = performancePart(sample, []);
    for (const scenario of sample.scenarios.filter(({ skipped }) => skipped === undefined)) {
      const section = part.split(/^### /m).find((each) => each.includes(`\`${scenario.name}\``))!;
      const summary = summarize(sample, scenario);
      for (const row of summary.rows) {
        const wanted = row.state === 'measured' ? `| ${cells(summary, row).join(' | ')} |` : `* ${row.title}: `;
        expect(section).toContain(wanted);
      }
    }
  });

  test('compare netmux in the README with whom it was measured beside', () => {
    const lines = readmePart(sample).split('\n');
    const compared = sample.scenarios.filter(({ name, contestants, skipped }) => {
      const took = (id: string) => contestants.includes(id) && sample.rows.some((row) => row.scenario === name && row.contestant === id);
      return skipped === undefined && took('netmux-native') && ['netmux-node', 'net', 'bun', 'epoll', 'redis'].some(took);
    });
    expect(compared.length).toBeGreaterThan(3);
    for (const { title } of compared) expect(lines.filter((line) => line.startsWith(`| ${title}: `))).toHaveLength(1);
  });

  test('show no picture that was not drawn', () => {
    for (const [part, folder] of [
      [performancePart(sample, []), 'docs/'],
      [readmePart(sample), ''],
    ] as const) {
      const shown = [...part.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map((match) => folder + match[1]!);
      expect(shown.length).toBeGreaterThan(1);
      for (const path of shown) expect([...pictures(sample).keys()]).toContain(path);
    }
  });

  test('are changed between the marks and nowhere else, as often as one likes', () => {
    const document = 'before\n<!-- bench:begin, written by npm run bench:report -->\nold\n<!-- bench:end -->\nafter\n';
    const once = replacePart(document, 'new')!;
    expect(once).toBe('before\n<!-- bench:begin, written by npm run bench:report -->\n\nnew\n\n<!-- bench:end -->\nafter\n');
    expect(replacePart(once, 'new')).toBe(once);
    expect(replacePart('no marks', 'new')).toBeUndefined();
  });
});
