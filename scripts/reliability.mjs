// `node scripts/reliability.mjs` writes RELIABILITY.md from test/endurance/results/*.json: what attacked servers have shown, with figure, date and commit.
//
// A result is what `npm run test:endurance -- NAME --long --keep` writes. Any other test may leave a file of the same form there:
//
//     { "number", "name", "shows", "form", "verdict", "figures": [text], "failures": [text], "seconds",
//       "date", "commit", "machine", "command", "seed" (where there is one), "engine" (where it is not the native one) }
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseCommandLine } from './command-line.mjs';
import { parts } from './deep-parts.mjs';
import { root } from './toolchain.mjs';

const RESULTS = join(root, 'test/endurance/results');

const HEAD = `# Reliability

What netmux was attacked with, and what became of it. This page is written by \`node scripts/reliability.mjs\` from
\`test/endurance/results/\`: nobody writes a figure here by hand. Each attack is a program in \`test/endurance/programs/\` of which a short
form runs with the tests; the figures are those of the long form, of one machine, on the day and at the commit that stand beside them.
Sanitizers, fuzzers and kernels that fail are the parts of \`npm run test:deep\`.

    npm run test:endurance                     all of them in the short form, about two minutes
    npm run test:endurance -- --long --keep    all in the long form, half an hour; a line for each, and one that sums up
    npm run test:endurance -- churn --long     one of them; \`--keep\` writes the result that this page is made of. \`--engine=node\`: on the pure-Node engine
    npm run test:deep -- valgrind --keep       one part of the sanitizers and fuzzers
`;

const TESTS = `## Shown with each change

What the tests show that run with each change, on both engines where it concerns both. The numbers are those of the attacks above.
`;

/** A cell must not end its row, nor the row its table. */
function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

function row(result) {
  const { number, name, shows, verdict, figures, failures, date, commit, seed, machine, engine } = result;
  const figure = [...figures, ...failures.map((what) => `NOT: ${what}`)].join('; ');
  const run = [date.slice(0, 10), commit, seed === undefined ? [] : `seed ${seed}`, engine === 'node' ? 'pure-Node engine' : [], machine]
    .flat()
    .join(', ');
  return `| ${[`${number} ${name}`, shows, figure, verdict, run].map(cell).join(' | ')} |`;
}

/** The page, of results, of the programs that there are, and of what tests show. Programs without a result are named, too. */
export function reliabilityPage(results, programs, tests) {
  const known = results.toSorted((a, b) => a.number.localeCompare(b.number) || a.name.localeCompare(b.name));
  const missing = programs.filter(({ name }) => !results.some((result) => result.name === name));
  const table = ['| what | shows | figures | verdict | run |', '| --- | --- | --- | --- | --- |', ...known.map(row)];
  const parts = [HEAD, known.length > 0 ? `${table.join('\n')}\n` : []].flat();
  if (missing.length > 0) {
    parts.push(
      `Not run in the long form yet:\n\n${missing.map(({ number, name, shows }) => `* ${number} ${name}: ${shows}`).join('\n')}\n`,
    );
  }
  const rows = tests.map(({ number, shows, file, title }) => `| ${[number, shows, `\`${file}\`: ${title}`].map(cell).join(' | ')} |`);
  parts.push(`${[TESTS, '| what | shows | test |', '| --- | --- | --- |', ...rows].join('\n')}\n`);
  return parts.join('\n');
}

function readResults() {
  if (!existsSync(RESULTS)) return [];
  const names = readdirSync(RESULTS).filter((name) => name.endsWith('.json'));
  // The short form shows behaviour, not figures.
  return names.map((name) => JSON.parse(readFileSync(join(RESULTS, name), 'utf8'))).filter(({ form }) => form === 'long');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  parseCommandLine(import.meta.url, {});
  const { programs } = await import(pathToFileURL(join(root, 'out/test/endurance/programs.js')).href);
  const { shownByTests } = await import(pathToFileURL(join(root, 'out/test/endurance/suite.js')).href);
  writeFileSync(join(root, 'RELIABILITY.md'), reliabilityPage(readResults(), [...programs, ...parts], shownByTests));
}
