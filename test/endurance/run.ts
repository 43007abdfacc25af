/** `npm run test:endurance -- [NAME …] [--long] [--seconds=N] [--keep]`: attacks servers, one after the other, a line for each. */
import { parseArgs } from 'node:util';
import { type Outcome, type Program, Trial } from './program.js';
import { programs } from './programs.js';
import { keepResult } from './results.js';
import { ServerProcess } from './server-process.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean' }, seconds: { type: 'string' }, keep: { type: 'boolean' } },
});
const long = values.long ?? false;
const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
const unknown = positionals.filter((name) => !programs.some((program) => program.name === name));
if (unknown.length > 0 || Number.isNaN(seconds)) {
  console.error(`unknown: ${unknown.join(' ') || '--seconds'}. There are ${programs.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

let failed = false;
for (const program of programs.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const outcome = await run(program);
  failed ||= outcome.verdict === 'FAILED';
  if (values.keep) keepResult(outcome, `npm run test:endurance -- ${process.argv.slice(2).join(' ')}`);
  console.log(
    `${outcome.number} ${outcome.name}: ${[...outcome.figures, ...outcome.failures.map((what) => `NOT: ${what}`)].join('; ')} — ${outcome.verdict}`,
  );
}
// Clients of a server that has failed may still be waiting for it.
process.exit(failed ? 1 : 0);

async function run(program: Program): Promise<Outcome> {
  const { name, number, shows } = program;
  const form = long ? 'long' : 'short';
  const environment = program.environment?.() ?? {};
  if (typeof environment === 'string') {
    return { name, number, shows, form, verdict: 'not run', figures: [environment], failures: [], seconds: 0 };
  }
  const begun = performance.now();
  const server = program.server && (await ServerProcess.start(name, long, program.descriptors, environment));
  const trial = new Trial(server, long, seconds);
  try {
    await program.attack(trial);
  } catch (error) {
    trial.failures.push((error as Error).message);
  }
  trial.require('the server is alive', server?.alive ?? true);
  await server?.stop();
  const verdict = trial.failures.length === 0 ? 'held' : 'FAILED';
  const took = Math.round((performance.now() - begun) / 100) / 10;
  return { name, number, shows, form, verdict, figures: trial.figures, failures: trial.failures, seconds: took };
}
