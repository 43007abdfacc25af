/** One attack, in a process of its own: `attack.js NAME FORM`, started by run.js, which is told the outcome. */
import { type Form, type Outcome, type Program, Trial } from './program.js';
import { programs } from './programs.js';
import { ServerProcess } from './server-process.js';

async function attack(program: Program, form: Form): Promise<Outcome> {
  const { name, number, shows } = program;
  const run = { name, number, shows, form: form.long ? 'long' : 'short', engine: form.engine } as const;
  const environment = program.environment?.() ?? {};
  const obstacle = form.engine === 'node' && program.nativeOnly !== undefined ? program.nativeOnly : environment;
  if (typeof obstacle === 'string') return { ...run, verdict: 'not run', figures: [obstacle], failures: [], seconds: 0 };
  const begun = performance.now();
  const server = program.server && (await ServerProcess.start(program, form, obstacle));
  const trial = new Trial(server, form);
  try {
    await program.attack(trial);
  } catch (error) {
    trial.failures.push((error as Error).message);
  }
  trial.require('the server is alive', server?.alive ?? true);
  const { figures, failures } = trial;
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  const verdict = failures.length === 0 ? 'held' : 'FAILED';
  return { ...run, verdict, figures, failures, seconds };
}

const [name, text] = process.argv.slice(2);
const program = programs.find((each) => each.name === name);
if (program === undefined || process.send === undefined) throw new Error('this is started by run.js');
// Whoever waits for the outcome is gone.
process.on('disconnect', () => process.exit());
const outcome = await attack(program, JSON.parse(text!) as Form);
process.send(outcome, () => process.exit());
