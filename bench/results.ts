/**
 * What a run of the bench hands out: the content of the JSON file. It keeps every single measurement; medians and ratios are
 * made from them by summary.ts, for the table on the terminal and for every other report alike.
 */
import type { Machine } from './machine.js';

/** Rises when a reader of older files would misunderstand them. */
export const RESULTS_FORMAT = 2;

export interface Metric {
  readonly value: number;
  /** As it is shown: 'µs/message', 'messages/s', 'bytes/connection', '%' … */
  readonly unit: string;
  /**
   * What the value was divided by, such as the number of messages. Values that are sampled coarsely say something only when the rounds
   * are taken together, each with this weight.
   */
  readonly weight?: number;
}

/**
 * Metrics that mean the same wherever they appear. A message is what the scenario calls so: a line, a request, a delivery, a
 * connection …
 *
 * - `cpu`: CPU time of all threads of the server for each message; `user` and `system` are its parts
 * - `rate`: messages per second
 * - `p50`, `p90`, `p99`, `p999`, `max`: latency; in an open loop from the intended time of sending
 * - `serverBusy`, `loadBusy`: how busy each side's core was
 * - `foreign`: what other processes took of these cores, and the hypervisor
 * - `switches`, `syscalls`: context switches, and system calls, of the server for each message
 * - `whole`, `marginal`, `proportional`, `anonymous`: growth of the server's memory for each connection
 */
export type Metrics = Readonly<Record<string, Metric>>;

export type Parameters = Readonly<Record<string, number | string>>;

/** One measurement: one contestant, in a fresh process. */
export interface ResultRow {
  /** Name of a scenario of the same file. */
  readonly scenario: string;
  /** Of the scenario: `connections`, `inFlight`, `bytes`, `perSecond` …; what a plot over several scenarios has on its axis. */
  readonly parameters: Parameters;
  /** Id of a contestant of the same file. */
  readonly contestant: string;
  /** From 0. A noisy round was repeated: the repetition is a round of its own. */
  readonly round: number;
  /** Empty when there are errors. */
  readonly metrics: Metrics;
  /** What the contestant did wrong. One of these, and it has no figure in the scenario at all. */
  readonly errors: readonly string[];
  /** Somebody else was at work during the round, or two identical contestants differed by too much: the same in all rows of a round. */
  readonly noisy: boolean;
}

/** A metric that is a column of the scenario's table. */
export interface Figure {
  /** Key in `ResultRow.metrics`. */
  readonly key: string;
  /** Heading, without the unit; may be empty where the unit says it all. */
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  /** Sampled coarsely: all rounds are taken together in place of their median. */
  readonly pooled?: boolean;
  /** Its spread is shown, as that of the first figure always is. */
  readonly ranged?: boolean;
}

export interface Reference {
  /** Id of a contestant of the same scenario. */
  readonly contestant: string;
  /** Heading of its column, after a '×'. */
  readonly title: string;
}

export interface ScenarioInfo {
  readonly name: string;
  readonly title: string;
  readonly parameters: Parameters;
  /** The first one is what ratios are formed of. */
  readonly figures: readonly Figure[];
  /** Which of two values of the first figure is the better one. */
  readonly better: 'lower' | 'higher';
  /** Ids, in the order of the table. */
  readonly contestants: readonly string[];
  /** Whom everybody is compared with, a column for each. */
  readonly references: readonly Reference[];
  /** Two contestants that are the same program: what they differ by is the noise of the run. */
  readonly pair?: readonly [string, string];
  /** Why it was not measured. */
  readonly skipped?: string;
}

export interface ContestantInfo {
  readonly id: string;
  readonly title: string;
  /** Of the runtime or the program, where it is not the node of this run. */
  readonly version?: string;
  /** Why it is not on this machine. */
  readonly missing?: string;
}

/** One line of TARGETS, judged. */
export interface Verdict {
  /** Number of the target and what of it, e.g. '1 · 64 connections, CPU per message'. */
  readonly target: string;
  /** E.g. '≤ 1.15 × C epoll'. */
  readonly wanted: string;
  readonly verdict: 'reached' | 'not reached' | 'not decidable' | 'not measured';
  /** The figure reached, and by how much it is under or over what was wanted; or why there is none. */
  readonly why: string;
  readonly value?: number;
  readonly bound?: number;
}

export interface Results {
  readonly format: typeof RESULTS_FORMAT;
  /** ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  /** That were asked for; noisy ones come on top. */
  readonly rounds: number;
  readonly windowMs: number;
  readonly pinned: boolean;
  readonly machine: Machine;
  /** 'works' or why not, by engine. */
  readonly engines: Readonly<Record<string, string>>;
  /** Why nothing could be measured at all. */
  readonly nothing?: string;
  /** Those that take part in a scenario of this file. */
  readonly contestants: readonly ContestantInfo[];
  readonly scenarios: readonly ScenarioInfo[];
  readonly rows: readonly ResultRow[];
  /** With `--targets`. */
  readonly verdicts?: readonly Verdict[];
}

/** Whether somebody took part who did not do the work. */
export function hasRefusals(results: Results): boolean {
  return results.rows.some((row) => row.errors.length > 0);
}
