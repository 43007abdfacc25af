/** Measures a scenario: rounds, contestants interleaved, ratios within a round. */
import { type EngineStates, whyMissing } from './availability.js';
import type { Contestant, Launch } from './contestants.js';
import type { Row, ScenarioResult } from './results.js';
import { type Bench, entries, type Sample, type Scenario } from './scenario.js';
import { pooled, type Spread, spread } from './statistics.js';
import { findOnPath } from './toolchain.js';

interface Entry {
  readonly contestant: Contestant;
  readonly launch: Launch;
  /** Why it does not take part. */
  readonly missing: string | undefined;
  /** Why it may not win. */
  refused: string | undefined;
  /** By round. */
  readonly samples: Sample[];
}

/** Told before each measurement. */
export type Progress = (scenario: Scenario, round: number, contestant: Contestant) => void;

export async function runScenario(bench: Bench, engines: EngineStates, scenario: Scenario, progress: Progress): Promise<ScenarioResult> {
  const absent = scenario.needs?.find((program) => findOnPath(program) === undefined);
  if (absent !== undefined) return describe(scenario, [], `${absent} is not on the path`);
  const field: Entry[] = entries(scenario).map(({ contestant, launch }) => ({
    contestant,
    launch,
    missing: whyMissing(launch, engines),
    refused: undefined,
    samples: [],
  }));
  for (let round = 0; round < bench.options.rounds; round++) {
    // Everybody is first once: what the machine does at the beginning of a round must not always hit the same one.
    const start = round % field.length;
    for (const entry of [...field.slice(start), ...field.slice(0, start)]) {
      if (entry.missing !== undefined || entry.refused !== undefined) continue;
      progress(scenario, round, entry.contestant);
      try {
        entry.samples.push(await scenario.measure(bench, entry.launch));
      } catch (error) {
        entry.refused = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return describe(scenario, field);
}

function describe(scenario: Scenario, field: readonly Entry[], skipped?: string): ScenarioResult {
  const { name, title, better, figures, references } = scenario;
  const rows = field.map((entry) => rowOf(scenario, entry, field));
  return { name, title, better, figures, references, ...(skipped === undefined ? {} : { skipped }), rows };
}

function rowOf(scenario: Scenario, entry: Entry, field: readonly Entry[]): Row {
  const { id, title } = entry.contestant;
  const row = { contestant: id, title, figures: {}, ratios: {} };
  if (entry.missing !== undefined) return { ...row, state: 'missing', reason: entry.missing };
  if (entry.refused !== undefined) return { ...row, state: 'refused', reason: entry.refused };
  const figures: Record<string, Spread> = {};
  for (const { key, pooled: isPooled } of scenario.figures) {
    const quantities = entry.samples.map((sample) => sample[key]!);
    figures[key] = isPooled ? pooled(quantities) : spread(quantities.map(({ amount, per }) => amount / per));
  }
  const ratios: Record<string, Spread> = {};
  for (const { contestant } of scenario.references) {
    const value = ratio(
      scenario,
      entry,
      field.find((one) => one.contestant.id === contestant),
    );
    if (value !== undefined) ratios[contestant] = value;
  }
  return { ...row, state: 'measured', figures, ratios };
}

/** The machine moves from round to round, so only what lies in the same round is compared. */
function ratio(scenario: Scenario, entry: Entry, reference: Entry | undefined): Spread | undefined {
  if (reference === undefined || reference.missing !== undefined || reference.refused !== undefined) return undefined;
  const key = scenario.figures[0]!.key;
  const ratios = entry.samples.map((sample, round) => {
    const [own, other] = [sample[key]!, reference.samples[round]![key]!];
    return own.amount / own.per / (other.amount / other.per);
  });
  // Memory that a server does not need more of is 0 or, after a collection, less.
  return ratios.every((value) => Number.isFinite(value) && value >= 0) ? spread(ratios) : undefined;
}
