/** The command line of `npm run bench:million`. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../options.js';
import { ROOT } from '../toolchain.js';

const DEFAULT_CONNECTIONS = 200_000;

/** The engine has slots for 2^20 handles; the listener has one, too. */
const MOST_CONNECTIONS = 2 ** 20 - 576;

/** Of the guest without connections: kernel, node twice, and the initial file system, for a moment twice. */
const BASE_MEMORY_MIB = 1280;

/** Both ends of a connection take 7.5 KiB of the kernel; the rest is room for messages under way. */
const CONNECTION_MEMORY_KIB = 11;

export const USAGE = `npm run bench:million -- [options]
  --connections=N  how many (default ${DEFAULT_CONNECTIONS}, at most ${MOST_CONNECTIONS})
  --vm             in a virtual machine also where the descriptor limit of this one would do
  --memory=GIB     memory of the virtual machine (default: by the number of connections)
  --install        install the emulator if it is missing (Debian, as root)
  --out=FOLDER     where million-N.json and million-N.log go (default bench/results)
  --help           this text`;

export interface Options {
  readonly connections: number;
  readonly virtual: boolean;
  readonly memoryMiB: number;
  readonly install: boolean;
  readonly out: string;
}

/**
 * @returns the options, or 'help'
 * @throws UsageError for an unknown option or a bad value
 */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parse(args);
  if (values.help) return 'help';
  const connections = Number(values.connections ?? DEFAULT_CONNECTIONS);
  if (!Number.isInteger(connections) || connections < 1 || connections > MOST_CONNECTIONS) {
    throw new UsageError(`--connections=${values.connections}: not a whole number from 1 to ${MOST_CONNECTIONS}`);
  }
  const memoryGiB = values.memory === undefined ? undefined : Number(values.memory);
  if (memoryGiB !== undefined && !(memoryGiB > 0)) throw new UsageError(`--memory=${values.memory}: not a number of GiB`);
  return {
    connections,
    virtual: values.vm ?? false,
    memoryMiB: Math.ceil(memoryGiB === undefined ? BASE_MEMORY_MIB + (connections * CONNECTION_MEMORY_KIB) / 1024 : memoryGiB * 1024),
    install: values.install ?? false,
    out: values.out ?? join(ROOT, 'bench/results'),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        connections: { type: 'string' },
        vm: { type: 'boolean' },
        memory: { type: 'string' },
        install: { type: 'boolean' },
        out: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
