/** What a run of the bench hands out: the content of the JSON file. */
import type { Machine } from './machine.js';
import type { Figure, Reference } from './scenario.js';
import type { Spread } from './statistics.js';

/** Rises when a reader of older files would misunderstand them. */
export const RESULTS_FORMAT = 1;

export interface Row {
  readonly contestant: string;
  readonly title: string;
  /** 'refused': it did not do its work, so it has no figures. 'missing': it is not on this machine. */
  readonly state: 'measured' | 'refused' | 'missing';
  readonly reason?: string;
  /** By key; empty unless measured. */
  readonly figures: Readonly<Record<string, Spread>>;
  /** First figure over that of the other within each round, by id of the other; only of those that have one. */
  readonly ratios: Readonly<Record<string, Spread>>;
}

export interface ScenarioResult {
  readonly name: string;
  readonly title: string;
  readonly better: 'lower' | 'higher';
  readonly figures: readonly Figure[];
  readonly references: readonly Reference[];
  /** Why there are no rows. */
  readonly skipped?: string;
  readonly rows: readonly Row[];
}

export interface Results {
  readonly format: typeof RESULTS_FORMAT;
  /** ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly windowMs: number;
  readonly pinned: boolean;
  readonly machine: Machine;
  /** 'works' or why not. */
  readonly engines: Readonly<Record<string, string>>;
  /** Why nothing could be measured at all. */
  readonly nothing?: string;
  readonly scenarios: readonly ScenarioResult[];
}

/** Whether somebody took part who did not do the work. */
export function hasRefusals(results: Results): boolean {
  return results.scenarios.some((scenario) => scenario.rows.some((row) => row.state === 'refused'));
}
