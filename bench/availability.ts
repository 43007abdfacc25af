/** Who can take part on this machine. */
import type { EngineName, Launch } from './contestants.js';
import { ServerProcess, StartError } from './server-process.js';
import { type Binaries, findOnPath } from './toolchain.js';

/** By engine: undefined when it works, else why not. */
export type EngineStates = Readonly<Record<EngineName, string | undefined>>;

/** The one failure that only means that an engine is not there; every other one is an error of ours. */
const NO_NATIVE = /^.*NETMUX_NO_NATIVE.*$/m;

async function probe(engine: EngineName, binaries: Binaries): Promise<string | undefined> {
  try {
    const server = await ServerProcess.start({ script: 'netmux-echo', engine }, binaries, undefined);
    await server.stop();
    return undefined;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return NO_NATIVE.exec(error.output)?.[0].trim() ?? error.message;
  }
}

/** Starts a server with each engine once. */
export async function probeEngines(binaries: Binaries): Promise<EngineStates> {
  return { native: await probe('native', binaries), node: await probe('node', binaries) };
}

/** Why this server cannot be started here; `undefined` when it can, or when it must and so has to fail visibly. */
export function whyMissing(launch: Launch, engines: EngineStates): string | undefined {
  if ('redis' in launch) return findOnPath('redis-server') === undefined ? 'redis-server is not on the path' : undefined;
  if ('engine' in launch && launch.engine !== undefined) {
    const reason = engines[launch.engine];
    return reason !== undefined && NO_NATIVE.test(reason) ? reason : undefined;
  }
  return undefined;
}
