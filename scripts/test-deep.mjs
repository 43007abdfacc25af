// `npm run test:deep`: what takes too long for each change. With names, only those parts, or groups of them: `npm run test:deep -- valgrind fuzz`.
//   --seconds=N    for each fuzz target, default 600
//   --seeds=A,B    of the part `faults`, default 1 to 5
//   --tests=PATHS  what runs on the addons of `node-asan-ubsan` and `faults`
//   --keep         writes the results that RELIABILITY.md is made of
// Each part ends with one line: its name, its figure, its verdict.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseCommandLine } from './command-line.mjs';
import { parts } from './deep-parts.mjs';
import { root } from './toolchain.mjs';

const { values, positionals } = parseCommandLine(import.meta.url, {
  options: {
    seconds: { type: 'string', default: '600' },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    tests: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

const meant = (wanted, { name }) => name === wanted || name.startsWith(`${wanted}-`);
const unknown = positionals.filter((wanted) => !parts.some((part) => meant(wanted, part)));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${parts.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const options = { seconds: values.seconds, seeds: values.seeds.split(','), tests: values.tests?.split(',') };
const keepResult = values.keep ? await resultKeeper() : () => {};
for (const part of parts.filter((one) => positionals.length === 0 || positionals.some((wanted) => meant(wanted, one)))) {
  const { name, number, shows } = part;
  const start = performance.now();
  const { figure, failed, output } = part.perform(options);
  const seconds = Math.round((performance.now() - start) / 1000);
  const verdict = failed ? 'FAILED' : 'held';
  if (failed) {
    console.log(output);
    process.exitCode = 1;
  }
  const outcome = { name, number, shows, form: 'long', verdict, figures: [`${figure}, in ${seconds} s`], failures: [], seconds };
  keepResult(outcome, `npm run test:deep -- ${name}`);
  console.log(`${name}: ${figure} (${seconds} s): ${failed ? 'FAILED' : 'ok'}`);
}

/** The one that the attacks of test/endurance/ use. */
async function resultKeeper() {
  const compiled = await import(pathToFileURL(join(root, 'out/test/endurance/results.js')).href);
  return compiled.keepResult;
}
