/** What shows without a load: the time to import the package, and a million timers. */
import type { Launch } from '../contestants.js';
import { runContestant } from '../programs.js';
import type { Bench, Sample, Scenario } from '../scenario.js';
import { median, quantity } from '../statistics.js';

/** Processes of a round; the median of them counts. */
const STARTS = 10;
const QUICK_STARTS = 2;

async function measureImport(bench: Bench, launch: Launch): Promise<Sample> {
  const starts = bench.options.quick ? QUICK_STARTS : STARTS;
  const imports: number[] = [];
  const beyond: number[] = [];
  for (let i = 0; i < starts; i++) {
    const without = await runContestant(launch, bench, '--nothing');
    const run = await runContestant(launch, bench);
    imports.push(run.figures.import! - without.figures.import!);
    beyond.push(run.milliseconds - without.milliseconds);
  }
  return { import: quantity(median(imports)), beyond: quantity(median(beyond)) };
}

const importTime: Scenario = {
  name: 'import',
  title: 'import of the package in a fresh process',
  parameters: { starts: STARTS },
  protocol: 'program',
  figures: [
    { key: 'import', title: '', unit: 'ms', digits: 1 },
    { key: 'beyond', title: 'from start to end, beyond a process without it', unit: 'ms', digits: 1 },
  ],
  better: 'lower',
  contestants: ['import'],
  references: [],
  measure: (bench, launch) => measureImport(bench, launch),
};

const millionTimers: Scenario = {
  name: 'million-timers',
  title: 'a million armed timers',
  parameters: { timers: 1_000_000 },
  protocol: 'program',
  figures: [
    { key: 'armed', title: '', unit: 'bytes/timer', digits: 1 },
    { key: 'arm', title: 'to arm', unit: 'ns', digits: 0 },
    { key: 'move', title: 'to move', unit: 'ns', digits: 0 },
    { key: 'expire', title: 'to expire', unit: 'ns', digits: 0 },
  ],
  better: 'lower',
  contestants: ['wheel', 'node-timers'],
  references: [],
  async measure(bench, launch) {
    const { figures } = await runContestant(launch, bench);
    return Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, quantity(value)]));
  },
};

export function programScenarios(): Scenario[] {
  return [importTime, millionTimers];
}
