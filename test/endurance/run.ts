/**
 * `npm run test:endurance`: attacks servers, one after the other, a line for each, and goes on behind one that has failed. With more than
 * one the last line sums them up.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Form, Outcome, Program } from './program.js';
import { programs } from './programs.js';
import { keepResult } from './results.js';

const ATTACK = fileURLToPath(new URL('attack.js', import.meta.url));

/** What takes longer hangs, and is ended; far above what each takes on a busy machine. In addition to the length that was asked for. */
const SHORT_PATIENCE_SECONDS = 100;
const LONG_PATIENCE_SECONDS = 1800;

const USAGE = `npm run test:endurance -- [NAME]... [options]
  NAME             an attack; all of them unless named
  --only=NAME,…    the same in one word
  --long           judges times and memory, too; on a quiet machine, half an hour for all
  --engine=NAME    what the servers run on: native (default) or node
  --seconds=N      how long the attack goes on (default: each its own time)
  --connections=N  how many come and go, in churn
  --patience=N     after how many seconds one hangs (default ${SHORT_PATIENCE_SECONDS}, with --long ${LONG_PATIENCE_SECONDS})
  --keep           keeps the results, of which node scripts/reliability.mjs makes RELIABILITY.md
  --help           this text
Attacks:
${programs.map(({ name, shows }) => `  ${name.padEnd(18)} ${shows}`).join('\n')}`;

const { values, positionals } = parseCommandLine();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const { long, keep, engine } = values;
const seconds = numberOf('seconds', values.seconds);
const patience = numberOf('patience', values.patience) ?? (long ? LONG_PATIENCE_SECONDS : SHORT_PATIENCE_SECONDS) + (seconds ?? 0);
if (engine !== 'native' && engine !== 'node') refuse(`--engine=${engine}: there are native and node`);
const names = [...positionals, ...values.only.split(',').filter((name) => name !== '')];
for (const name of names) {
  if (!programs.some((program) => program.name === name))
    refuse(`no such attack: ${name}; there are ${programs.map((program) => program.name).join(', ')}`);
}

/** The attack under way: the leader of a group that holds all that it has started. */
let running: ChildProcess | undefined;
process.on('exit', endGroup);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

const connections = numberOf('connections', values.connections);
const form: Form = { long, engine, ...(seconds !== undefined && { seconds }), ...(connections !== undefined && { connections }) };
const begun = performance.now();
const outcomes: Outcome[] = [];
for (const program of programs.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const outcome = await run(program);
  outcomes.push(outcome);
  if (keep) keepResult(outcome, `npm run test:endurance -- ${process.argv.slice(2).join(' ')}`);
  const { number, name, figures, failures, verdict } = outcome;
  console.log(`${number} ${name}: ${[...figures, ...failures.map((what) => `NOT: ${what}`)].join('; ')} — ${verdict}`);
}
if (outcomes.length > 1) console.log(summary());
process.exit(outcomes.some(({ verdict }) => verdict === 'FAILED') ? 1 : 0);

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        long: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        engine: { type: 'string', default: 'native' },
        seconds: { type: 'string' },
        connections: { type: 'string' },
        patience: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse((error as Error).message.split('. ')[0] ?? '');
  }
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  return number > 0 ? number : refuse(`--${name}=${text}: must be a number above 0`);
}

function refuse(what: string): never {
  console.error(`${what} (--help)`);
  process.exit(2);
}

function endGroup(): void {
  const pid = running?.pid;
  running = undefined;
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // all have gone by themselves
  }
}

/** In a process group of its own, so that whatever hangs can be ended with all that it has started. */
async function run(program: Program): Promise<Outcome> {
  const child = spawn(process.execPath, [ATTACK, program.name, JSON.stringify(form)], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  running = child;
  const started = performance.now();
  let outcome: Outcome | undefined;
  let why: string | undefined;
  const timer = setTimeout(() => {
    why = `it ends within ${patience} s`;
    endGroup();
  }, patience * 1000);
  child.on('message', (message) => {
    outcome = message as Outcome;
  });
  const disconnected = once(child, 'disconnect');
  const [status, signal] = await once(child, 'exit');
  clearTimeout(timer);
  endGroup();
  // What it has said last may come behind its end.
  await disconnected;
  return outcome ?? failure(program, why ?? `the attack comes to its end (${signal ?? status})`, started);
}

function failure({ name, number, shows }: Program, what: string, started: number): Outcome {
  const took = Math.round((performance.now() - started) / 100) / 10;
  return {
    name,
    number,
    shows,
    form: long ? 'long' : 'short',
    engine: form.engine,
    verdict: 'FAILED',
    figures: [],
    failures: [what],
    seconds: took,
  };
}

function summary(): string {
  const of = (verdict: Outcome['verdict']): string[] => outcomes.filter((each) => each.verdict === verdict).map(({ name }) => name);
  const list = (found: string[]): string => (found.length > 0 ? ` (${found.join(', ')})` : '');
  const [failed, left] = [of('FAILED'), of('not run')];
  const took = ((performance.now() - begun) / 1000).toFixed(0);
  return `${of('held').length} held, ${failed.length} failed${list(failed)}, ${left.length} not run${list(left)}, in ${took} s`;
}
