/** `npm run bench`: netmux beside node:net, its peers and C, every byte checked. */
import { constants } from 'node:os';
import { relative } from 'node:path';
import { describeContestants, findMissing, probeEngines } from './availability.js';
import { comparisonLines } from './compare.js';
import { chooseCores, readMachine } from './machine.js';
import { type Options, parseOptions, USAGE, UsageError } from './options.js';
import { readDescriptorLimit } from './process-figures.js';
import { profileScenario } from './profile/profile.js';
import { machineLines, tableLines } from './report.js';
import { defaultFile, readMillions, readResults, writeResults } from './result-files.js';
import { hasRefusals, RESULTS_FORMAT, type ResultRow, type Results, type ScenarioInfo } from './results.js';
import { type Progress, runScenario, whySkipped } from './rounds.js';
import { fetchRuntimes, findRuntimes } from './runtimes.js';
import type { Bench, Scenario } from './scenario.js';
import { allScenarios, targetScenarios } from './scenarios.js';
import { summarize } from './summary.js';
import { type Binaries, buildBinaries } from './toolchain.js';
import { applicableTargets, judgeTargets, verdictLines } from './verdicts.js';

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

/** On a terminal one line that changes; elsewhere `measure` says a line for each scenario. */
const showProgress: Progress = (scenario, round, contestant) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${scenario.name}, round ${round + 1}: ${contestant.title}`);
};

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

/** Without what only the bench itself needs. */
function infoOf(
  { protocol: _protocol, needs: _needs, load: _load, measure: _measure, ...info }: Scenario,
  skipped: string | undefined,
): ScenarioInfo {
  return skipped === undefined ? info : { ...info, skipped };
}

async function profile(bench: Bench, name: string): Promise<void> {
  const scenarios = allScenarios(bench);
  const chosen = scenarios.find((scenario) => scenario.name === name);
  if (chosen?.load === undefined) {
    const names = scenarios.flatMap((scenario) => (scenario.load === undefined ? [] : scenario.name));
    throw new UsageError(`--profile=${name}: no scenario that can be taken apart; there are ${names.join(', ')}`);
  }
  const missing = findMissing(await probeEngines(bench), bench.runtimes);
  await profileScenario(bench, chosen, chosen.load, missing, (line) => console.log(line));
}

async function measure(bench: Bench, empty: Results): Promise<Results> {
  const { options, runtimes } = bench;
  const all = allScenarios(bench);
  const chosen = choose(options.targets ? targetScenarios(all, applicableTargets(process.version)) : all, options.only);
  const states = await probeEngines(bench);
  const missing = findMissing(states, runtimes);
  const scenarios = chosen.map((scenario) => infoOf(scenario, whySkipped(scenario)));
  const head: Results = {
    ...empty,
    engines: { native: states.native ?? 'works', node: states.node ?? 'works' },
    pinned: bench.cores.server !== undefined,
    contestants: describeContestants(new Set(scenarios.flatMap(({ contestants }) => contestants)), missing, runtimes),
    scenarios,
  };
  say(machineLines(head));
  const rows: ResultRow[] = [];
  for (const [index, scenario] of chosen.entries()) {
    if (!process.stderr.isTTY) say(['', `measuring ${scenario.name}, ${index + 1} of ${chosen.length}`]);
    rows.push(...(await runScenario(bench, missing, scenario, showProgress)));
    clearProgress();
    say(['', ...tableLines(summarize({ ...head, rows }, scenarios[index]!))]);
  }
  // Of a complete run everything that the targets ask is known, too.
  if (!options.targets && (options.quick || options.only.length > 0)) return { ...head, rows };
  const verdicts = judgeTargets({ ...head, rows }, readMillions());
  say(['', ...verdictLines(verdicts)]);
  return { ...head, rows, verdicts };
}

function benchWith(options: Options, binaries: Binaries): Bench {
  return { options, binaries, runtimes: findRuntimes(), cores: chooseCores(), descriptorLimit: readDescriptorLimit() };
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    say([USAGE]);
    return 0;
  }
  if (options.fetch) {
    say(fetchRuntimes());
    return 0;
  }
  const binaries = buildBinaries();
  if (options.profile !== undefined) {
    if (typeof binaries === 'string') say([`nothing is measured: ${binaries}`]);
    else await profile(benchWith(options, binaries), options.profile);
    return 0;
  }
  const { quick, rounds, windowMs } = options;
  // Now, so that a file that cannot be read is not told of behind the measurement.
  const older = options.compare === undefined ? undefined : readResults(options.compare);
  const empty: Results = {
    format: RESULTS_FORMAT,
    date: new Date().toISOString(),
    quick,
    rounds,
    windowMs,
    pinned: false,
    machine: readMachine(),
    engines: {},
    contestants: [],
    scenarios: [],
    rows: [],
  };
  let results: Results;
  if (typeof binaries === 'string') {
    results = { ...empty, nothing: binaries };
    say(machineLines(results));
  } else {
    results = await measure(benchWith(options, binaries), empty);
  }
  const file = options.json ?? (quick ? undefined : defaultFile(results));
  if (file !== undefined) say(['', ...writeResults(file, results).map((path) => relative(process.cwd(), path))]);
  if (older !== undefined) say(['', ...comparisonLines(older, results)]);
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
