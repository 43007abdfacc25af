import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { TestedEngine } from '../engines.js';
import { SLOWNESS } from '../patience.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const programs = fileURLToPath(new URL('./programs/', import.meta.url));

/** A program that has not ended by then never will. */
const PATIENCE_MS = 15_000 * SLOWNESS;

let library: string | undefined;

/**
 * The sources as JavaScript, for programs that run outside vitest. They are translated anew for each test file: dist/ may be older
 * than the sources. The folder lies inside the project, since the addon is looked for from there.
 */
function translatedLibrary(): string {
  if (library !== undefined) return library;
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
  const target = mkdtempSync(join(root, 'node_modules/.cache/netmux-test-'));
  for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(root, 'src', name), 'utf8'), {
      fileName: name,
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
    });
    const file = join(target, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, outputText);
  }
  library = pathToFileURL(join(target, 'index.js')).href;
  return library;
}

// That takes seconds where much else runs, and no test is to be charged with it.
beforeAll(() => void translatedLibrary(), 60_000);

afterAll(() => {
  if (library !== undefined) rmSync(dirname(fileURLToPath(library)), { recursive: true, force: true });
  library = undefined;
});

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program of `programs/`. */
export class ChildProgram {
  readonly process: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(process: ChildProcess) {
    this.process = process;
    process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    onTestFinished(() => {
      process.kill('SIGKILL');
    });
  }

  /** What it has said on its standard error output so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The first line of its output that begins with `word`, without that word. */
  async line(word: string): Promise<string> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const found = this.#stdout
        .split('\n')
        .slice(0, -1)
        .find((line) => line.startsWith(word));
      if (found !== undefined) return found.slice(word.length).trim();
      if (this.process.exitCode !== null || this.process.signalCode !== null) break;
      const waiting = new AbortController();
      const signal = AbortSignal.any([deadline, waiting.signal]);
      const events = [once(this.process.stdout as NodeJS.ReadableStream, 'data', { signal }), once(this.process, 'close', { signal })];
      for (const event of events) event.catch(() => {});
      await Promise.race(events).finally(() => waiting.abort());
    }
    throw new Error(`no line ${JSON.stringify(word)}; its output was\n${this.#stdout}\n${this.#stderr}`);
  }

  /** How it ended, and what it said. `patienceMs` is for those that have much to do. */
  async ending(patienceMs = PATIENCE_MS): Promise<Ending> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await once(this.process, 'close', { signal: AbortSignal.timeout(patienceMs) }).catch(() => {
        throw new Error(`still running; its output was\n${this.#stdout}\n${this.#stderr}`);
      });
    }
    return { code: this.process.exitCode, signal: this.process.signalCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** The environment in which a program of `programs/` finds the library. */
export function programEnvironment(engine: TestedEngine, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: '', NETMUX_LIBRARY: translatedLibrary(), NETMUX_ENGINE: engine, ...extra };
}

export function programPath(name: string): string {
  return join(programs, `${name}.mjs`);
}

/** Starts `programs/NAME.mjs`. */
export function start(engine: TestedEngine, name: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProgram {
  return new ChildProgram(
    spawn(process.execPath, [programPath(name), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
      env: programEnvironment(engine, options.env),
    }),
  );
}
