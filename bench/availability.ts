/** Who can take part on this machine. */
import { CONTESTANTS, type Contestant, type EngineName, type Launch } from './contestants.js';
import type { ContestantInfo } from './results.js';
import type { Missing } from './rounds.js';
import type { Runtimes } from './runtimes.js';
import type { Bench } from './scenario.js';
import { ServerProcess, StartError } from './server-process.js';
import { findOnPath } from './toolchain.js';

/** By engine: undefined when it works, else why not. */
export type EngineStates = Readonly<Record<EngineName, string | undefined>>;

/** The one failure that only means that an engine is not there; every other one is an error of ours. */
const NO_NATIVE = /^.*NETMUX_NO_NATIVE.*$/m;

async function probe(engine: EngineName, bench: Bench): Promise<string | undefined> {
  try {
    const server = await ServerProcess.start({ script: 'netmux-echo', engine }, bench);
    await server.stop();
    return undefined;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return NO_NATIVE.exec(error.output)?.[0].trim() ?? error.message;
  }
}

/** Starts a server with each engine once. */
export async function probeEngines(bench: Bench): Promise<EngineStates> {
  return { native: await probe('native', bench), node: await probe('node', bench) };
}

/** Why a server cannot be started here; `undefined` when it can, or when it must and so has to fail visibly. */
function whyMissing(launch: Launch, engines: EngineStates, runtimes: Runtimes): string | undefined {
  if ('redis' in launch) return findOnPath('redis-server') === undefined ? 'redis-server is not on the path' : undefined;
  const runtime = launch.runtime === undefined ? undefined : runtimes[launch.runtime];
  if (typeof runtime === 'string') return runtime;
  if ('engine' in launch && launch.engine !== undefined) {
    const reason = engines[launch.engine];
    return reason !== undefined && NO_NATIVE.test(reason) ? reason : undefined;
  }
  return undefined;
}

function missingContestant(contestant: Contestant, engines: EngineStates, runtimes: Runtimes): string | undefined {
  return Object.values(contestant.servers)
    .map((launch) => whyMissing(launch, engines, runtimes))
    .find((reason) => reason !== undefined);
}

export function findMissing(engines: EngineStates, runtimes: Runtimes): Missing {
  return new Map(
    CONTESTANTS.flatMap((contestant) => {
      const reason = missingContestant(contestant, engines, runtimes);
      return reason === undefined ? [] : [[contestant.id, reason] as const];
    }),
  );
}

/** @param ids those that take part in what is measured */
export function describeContestants(ids: ReadonlySet<string>, missing: Missing, runtimes: Runtimes): ContestantInfo[] {
  return CONTESTANTS.filter(({ id }) => ids.has(id)).map(({ id, title, runtime }) => {
    const found = runtime === undefined ? undefined : runtimes[runtime];
    const reason = missing.get(id);
    return {
      id,
      title,
      ...(found === undefined || typeof found === 'string' ? {} : { version: found.version }),
      ...(reason === undefined ? {} : { missing: reason }),
    };
  });
}
