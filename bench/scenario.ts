/** What a scenario is. */
import { type Contestant, contestant, type Launch, type Protocol } from './contestants.js';
import { LoadGenerator, type LoadOptions } from './load-generator.js';
import type { Options } from './options.js';
import type { ScenarioInfo } from './results.js';
import type { Runtimes } from './runtimes.js';
import { type Command, ServerProcess } from './server-process.js';
import type { Quantity } from './statistics.js';
import type { Binaries } from './toolchain.js';

/** Which processor whom. `undefined`: not pinned. */
export interface Cores {
  readonly server: number | undefined;
  readonly load: number | undefined;
}

/** What a run of the bench has at hand. */
export interface Bench {
  readonly options: Options;
  readonly binaries: Binaries;
  readonly runtimes: Runtimes;
  readonly cores: Cores;
  /** How many descriptors a process may have. */
  readonly descriptorLimit: number;
}

/** What the generator does to whatever server. */
export type Load = Omit<LoadOptions, 'port'>;

/** By key of the figure. */
export type Sample = Readonly<Record<string, Quantity>>;

export interface Scenario extends ScenarioInfo {
  readonly protocol: Protocol;
  /** Programs from the path without which it cannot be measured. */
  readonly needs?: readonly string[];
  /** Of scenarios that consist of nothing but a load: what the generator does. Their costs can be taken apart. */
  readonly load?: Load;
  /**
   * Measures once, with a fresh server.
   * @throws Refusal when the server did not do its work
   */
  measure(bench: Bench, launch: Launch, round: number): Promise<Sample>;
}

/** A contestant of a scenario, with what is to be started for it. */
export interface Entry {
  readonly contestant: Contestant;
  readonly launch: Launch;
}

export function entries(scenario: Scenario): Entry[] {
  return scenario.contestants.map((id) => {
    const one = contestant(id);
    const launch = one.servers[scenario.protocol];
    if (launch === undefined) throw new Error(`${id} has no server for ${scenario.name}`);
    return { contestant: one, launch };
  });
}

/**
 * A fresh server for as long as `work` lasts. It must outlive it.
 * @param altered what is run in the place of its command
 */
export async function withServer<T>(
  bench: Bench,
  launch: Launch,
  work: (server: ServerProcess) => Promise<T>,
  altered?: (command: Command) => Command,
): Promise<T> {
  const server = await ServerProcess.start(launch, bench, altered);
  try {
    const result = await work(server);
    server.assertRunning();
    return result;
  } finally {
    await server.stop();
  }
}

/** A load generator for as long as `work` lasts. */
export async function withLoad<T>(bench: Bench, options: LoadOptions, work: (load: LoadGenerator) => Promise<T>): Promise<T> {
  const load = LoadGenerator.start(bench.binaries.load, options, bench.cores.load);
  try {
    return await work(load);
  } finally {
    load.stop();
  }
}
