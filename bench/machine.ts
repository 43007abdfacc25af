/** What the figures were measured on. */
import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { readAllowedProcessors } from './process-figures.js';
import type { Cores } from './scenario.js';
import { findOnPath, ROOT } from './toolchain.js';

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly kernel: string;
  readonly node: string;
  /** First line of its version, by program; those that are not installed are not in it. */
  readonly programs: Readonly<Record<string, string>>;
  /** Of the project, with '+' when there are changes; `undefined` outside a git checkout. */
  readonly commit: string | undefined;
}

const COMMAND_TIMEOUT_MS = 10_000;

function firstLine(program: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
  return status === 0 ? stdout.split('\n', 1)[0]!.trim() : undefined;
}

function commit(): string | undefined {
  const head = firstLine('git', 'rev-parse', '--short', 'HEAD');
  if (head === undefined || head === '') return undefined;
  return firstLine('git', 'status', '--porcelain') === '' ? head : `${head}+`;
}

export function readMachine(): Machine {
  const programs: Record<string, string> = {};
  for (const name of [process.env.CXX ?? 'c++', 'redis-server', 'redis-benchmark']) {
    const version = findOnPath(name) === undefined ? undefined : firstLine(name, '--version');
    if (version !== undefined) programs[name] = version;
  }
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: process.platform,
    kernel: release(),
    node: process.version,
    programs,
    commit: commit(),
  };
}

/** The first processor for the server and the second for the load, where there are two and a way to pin. */
export function chooseCores(): Cores {
  const [server, load] = process.platform === 'linux' && findOnPath('taskset') !== undefined ? readAllowedProcessors() : [];
  return load === undefined ? { server: undefined, load: undefined } : { server, load };
}
