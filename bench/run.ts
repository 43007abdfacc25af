/** `npm run bench`: netmux beside node:net, C and redis-server, every byte checked. */
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { probeEngines } from './availability.js';
import { chooseCores, readMachine } from './machine.js';
import { type Options, parseOptions, USAGE, UsageError } from './options.js';
import { readDescriptorLimit } from './process-figures.js';
import { machineLines, tableLines } from './report.js';
import { hasRefusals, RESULTS_FORMAT, type Results, type ScenarioResult } from './results.js';
import { type Progress, runScenario } from './rounds.js';
import type { Bench, Scenario } from './scenario.js';
import { allScenarios } from './scenarios.js';
import { type Binaries, buildBinaries } from './toolchain.js';

const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;
/** Plus the signal's number, as shells do. */
const EXIT_SIGNAL = 128;

function say(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}

function choose(scenarios: readonly Scenario[], only: readonly string[]): Scenario[] {
  for (const name of only) {
    if (!scenarios.some((scenario) => scenario.name.startsWith(name))) {
      throw new UsageError(`--only=${name}: no such scenario; there are ${scenarios.map((scenario) => scenario.name).join(', ')}`);
    }
  }
  return scenarios.filter((scenario) => only.length === 0 || only.some((name) => scenario.name.startsWith(name)));
}

/** On a terminal one line that changes; elsewhere nothing, the tables come soon enough. */
const showProgress: Progress = (scenario, round, contestant) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${scenario.name}, round ${round + 1}: ${contestant.title}`);
};

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

async function measure(options: Options, binaries: Binaries, head: Results): Promise<Results> {
  const bench: Bench = { options, binaries, cores: chooseCores(), descriptorLimit: readDescriptorLimit() };
  const scenarios = choose(allScenarios(bench), options.only);
  const states = await probeEngines(binaries);
  const engines = { native: states.native ?? 'works', node: states.node ?? 'works' };
  const pinned = bench.cores.server !== undefined;
  say(machineLines({ ...head, engines, pinned }));
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    const result = await runScenario(bench, states, scenario, showProgress);
    clearProgress();
    say(['', ...tableLines(result)]);
    results.push(result);
  }
  return { ...head, engines, pinned, scenarios: results };
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    say([USAGE]);
    return 0;
  }
  const { quick, rounds, windowMs } = options;
  const head: Results = {
    format: RESULTS_FORMAT,
    date: new Date().toISOString(),
    quick,
    rounds,
    windowMs,
    pinned: false,
    machine: readMachine(),
    engines: {},
    scenarios: [],
  };
  const binaries = buildBinaries();
  let results: Results;
  if (typeof binaries === 'string') {
    results = { ...head, nothing: binaries };
    say(machineLines(results));
  } else {
    results = await measure(options, binaries, head);
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
  return hasRefusals(results) ? EXIT_REFUSED : 0;
}

// So that 'exit' is emitted, which ends the servers.
process.once('SIGINT', () => process.exit(EXIT_SIGNAL + constants.signals.SIGINT));
process.once('SIGTERM', () => process.exit(EXIT_SIGNAL + constants.signals.SIGTERM));

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
}
