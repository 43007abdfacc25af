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

export type BinaryName = 'load' | 'epoll-echo' | 'epoll-batch' | 'epoll-lines' | 'epoll-broadcast' | 'wheel-million' | 'go-server';

interface Program {
  readonly language: 'c++' | 'go';
  /** Below the project's root. */
  readonly sources: readonly string[];
  readonly headers: readonly string[];
}

function epollServer(source: string): Program {
  return { language: 'c++', sources: [`bench/contestants/${source}`], headers: ['bench/contestants/epoll_server.h'] };
}

const PROGRAMS: Readonly<Record<BinaryName, Program>> = {
  load: { language: 'c++', sources: filesOf('bench/load', '.cc'), headers: filesOf('bench/load', '.h') },
  'epoll-echo': epollServer('epoll_echo.cc'),
  'epoll-batch': epollServer('epoll_batch.cc'),
  'epoll-lines': epollServer('epoll_lines.cc'),
  'epoll-broadcast': epollServer('epoll_broadcast.cc'),
  'wheel-million': {
    language: 'c++',
    sources: ['bench/contestants/wheel_million.cc', 'native/timer_wheel.cc', 'native/memory.cc'],
    headers: ['native/timer_wheel.h', 'native/memory.h'],
  },
  'go-server': { language: 'go', sources: ['bench/contestants/server.go'], headers: [] },
};

function filesOf(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder))
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
 * Compiles what is missing or older than its sources; what is in Go only where there is Go.
 * @returns the programs, or in one line why there are none
 * @throws when there is a compiler and it does not accept the sources
 */
export function buildBinaries(): Binaries | string {
  if (process.platform !== 'linux') return `the load generator is written for Linux, not for ${process.platform}`;
  const compilers = { 'c++': findOnPath(process.env.CXX ?? 'c++'), go: findOnPath('go') };
  const names = Object.keys(PROGRAMS) as BinaryName[];
  for (const name of names.filter((each) => !isFresh(each))) {
    const { language } = PROGRAMS[name];
    const compiler = compilers[language];
    if (compiler !== undefined) compile(compiler, name);
    else if (language === 'c++') return `no C++ compiler (${process.env.CXX ?? 'c++'}) on the path`;
  }
  return Object.fromEntries(names.map((name) => [name, join(OUTPUT, name)])) as Record<BinaryName, string>;
}

function isFresh(name: BinaryName): boolean {
  const program = join(OUTPUT, name);
  if (!existsSync(program)) return false;
  const built = statSync(program).mtimeMs;
  const { sources, headers } = PROGRAMS[name];
  return [...sources, ...headers].every((file) => statSync(join(ROOT, file)).mtimeMs < built);
}

function compile(compiler: string, name: BinaryName): void {
  mkdirSync(OUTPUT, { recursive: true });
  // Two runs at the same time must not execute each other's half-written program.
  const unfinished = join(OUTPUT, `${name}.${process.pid}`);
  const { language, sources } = PROGRAMS[name];
  const flags = language === 'go' ? ['build'] : FLAGS;
  const result = spawnSync(compiler, [...flags, '-o', unfinished, ...sources.map((file) => join(ROOT, file))], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: COMPILE_TIMEOUT_MS,
  });
  if (result.status !== 0) throw new Error(`${compiler} failed for ${name}:\n${result.stderr || String(result.error ?? result.signal)}`);
  renameSync(unfinished, join(OUTPUT, name));
}
