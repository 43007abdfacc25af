/** Builds the C++ parts of the bench: the load generator and the C contestants. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root. This file runs as out/bench/toolchain.js, and from where it stands in tests. */
export const ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder));
}

const OUTPUT = join(ROOT, 'out/bench/native');

const FLAGS = ['-std=c++17', '-O2', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror'];

/** A compiler on a busy machine; one that needs longer hangs. */
const COMPILE_TIMEOUT_MS = 120_000;

export type BinaryName = 'load' | 'epoll-echo' | 'epoll-lines';

/** Sources and headers of each program, as folders and files below bench/. */
const PROGRAMS: Record<BinaryName, { readonly sources: readonly string[]; readonly headers: readonly string[] }> = {
  load: { sources: filesOf('load', '.cc'), headers: filesOf('load', '.h') },
  'epoll-echo': { sources: ['contestants/epoll_echo.cc'], headers: ['contestants/epoll_server.h'] },
  'epoll-lines': { sources: ['contestants/epoll_lines.cc'], headers: ['contestants/epoll_server.h'] },
};

function filesOf(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, 'bench', folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

/** The file that a command of this name runs, or `undefined`. */
export function findOnPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here
    }
  }
  return undefined;
}

export type Binaries = Readonly<Record<BinaryName, string>>;

/**
 * Compiles what is missing or older than its sources.
 * @returns the programs, or in one line why there are none
 * @throws when there is a compiler and it does not accept the sources
 */
export function buildBinaries(): Binaries | string {
  if (process.platform !== 'linux') return `the load generator is written for Linux, not for ${process.platform}`;
  const compiler = findOnPath(process.env.CXX ?? 'c++');
  const names = Object.keys(PROGRAMS) as BinaryName[];
  const stale = names.filter((name) => !isFresh(name));
  if (stale.length > 0 && compiler === undefined) return `no C++ compiler (${process.env.CXX ?? 'c++'}) on the path`;
  for (const name of stale) compile(compiler!, name);
  return Object.fromEntries(names.map((name) => [name, join(OUTPUT, name)])) as Record<BinaryName, string>;
}

function isFresh(name: BinaryName): boolean {
  const program = join(OUTPUT, name);
  if (!existsSync(program)) return false;
  const built = statSync(program).mtimeMs;
  const { sources, headers } = PROGRAMS[name];
  return [...sources, ...headers].every((file) => statSync(join(ROOT, 'bench', file)).mtimeMs < built);
}

function compile(compiler: string, name: BinaryName): void {
  mkdirSync(OUTPUT, { recursive: true });
  // Two runs at the same time must not execute each other's half-written program.
  const unfinished = join(OUTPUT, `${name}.${process.pid}`);
  const sources = PROGRAMS[name].sources.map((file) => join(ROOT, 'bench', file));
  const result = spawnSync(compiler, [...FLAGS, '-o', unfinished, ...sources], { encoding: 'utf8', timeout: COMPILE_TIMEOUT_MS });
  if (result.status !== 0) throw new Error(`${compiler} failed for ${name}:\n${result.stderr || String(result.error ?? result.signal)}`);
  renameSync(unfinished, join(OUTPUT, name));
}
