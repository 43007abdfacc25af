// How long a program waits for `import 'netmux'` and for `require('netmux')`: medians of fresh processes, and the ratio to one that loads
// nothing. Run `npm run compile` before.
import { spawnSync } from 'node:child_process';
import { root } from './toolchain.mjs';

const ROUNDS = 15;

/** What runs in each; the name of the package leads to dist/ in a checkout, too. */
const PROGRAMS = {
  'nothing, as ESM': ['--input-type=module', '--eval', ''],
  "import 'netmux'": ['--input-type=module', '--eval', "import 'netmux'"],
  'nothing, as CommonJS': ['--eval', ''],
  "require('netmux')": ['--eval', "require('netmux')"],
};

const times = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, []]));
// In turns, so that a slow minute of the machine is everybody's.
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, args] of Object.entries(PROGRAMS)) {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    times[name].push(performance.now() - start);
    if (status !== 0) throw new Error(stderr);
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(`${process.version}, ${process.platform}-${process.arch}, medians of ${ROUNDS} processes, start to end`);
for (const [bare, loading] of [
  ['nothing, as ESM', "import 'netmux'"],
  ['nothing, as CommonJS', "require('netmux')"],
]) {
  const [without, with_] = [median(times[bare]), median(times[loading])];
  console.log(`${loading}: ${(with_ - without).toFixed(1)} ms more than ${without.toFixed(1)} ms, ${(with_ / without).toFixed(2)} times`);
}
