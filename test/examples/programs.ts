/** The examples and their clients as what they are: programs. Whatever a test starts is ended with it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, it } from 'vitest';
import type { TestedEngine } from '../engines.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How long a test waits for a line or an end that has to come; long, since the machine may be busy. */
const PATIENCE_MS = 10_000;

const running = new Set<Program>();

afterEach(async () => {
  const left = [...running];
  for (const program of left) program.kill('SIGKILL');
  await Promise.all(left.map((program) => program.ended));
});

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A child process whose standard output is read line by line. */
export class Program {
  /** Everything it has written to its standard output, as bytes. */
  readonly output: Buffer[] = [];
  readonly errors: Buffer[] = [];
  /** Resolves when the process has ended and its output was read. */
  readonly ended: Promise<Ending>;
  private readonly child: ChildProcess;
  private readonly commandLine: string;
  private linesRead = 0;
  private wake: () => void = () => {};
  private over = false;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.commandLine = [command, ...args].join(' ');
    this.child = spawn(command, args, { cwd: ROOT, ...options, stdio: 'pipe' });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.output.push(chunk);
      this.wake();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => this.errors.push(chunk));
    // Its end is what a test looks at; what could not be written to it any more is not.
    this.child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        running.delete(this);
        this.over = true;
        this.wake();
        resolve({ code, signal, stdout: `${Buffer.concat(this.output)}`, stderr: `${Buffer.concat(this.errors)}` });
      });
    });
    running.add(this);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  write(data: string | Uint8Array): void {
    this.child.stdin?.write(data);
  }

  /** Closes its standard input. */
  end(data: string | Uint8Array = ''): void {
    this.child.stdin?.end(data);
  }

  /** For an nc whose server has to close: without input of its own it ends with the connection, and not before. */
  async hungUp(): Promise<Ending> {
    this.end();
    return this.ended;
  }

  /** The next line of its standard output that no call has returned yet; fails when there will be none. */
  async line(): Promise<string> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const lines = `${Buffer.concat(this.output)}`.split('\n');
      const line = lines[this.linesRead];
      if (line !== undefined && this.linesRead < lines.length - 1) {
        this.linesRead += 1;
        return line;
      }
      const left = deadline - Date.now();
      if (this.over || left <= 0) {
        throw new Error(`${this.commandLine}: ${this.over ? 'ended' : 'wrote no line'} after ${JSON.stringify(lines)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Runs a program to its end. */
export async function run(command: string, args: readonly string[], input: string | Uint8Array = ''): Promise<Ending> {
  const program = new Program(command, args);
  program.end(input);
  return program.ended;
}

/** A running example. */
export interface Example {
  readonly program: Program;
  readonly host: string;
  readonly port: number;
}

const READY = /^listening on (.+):(\d+) \(engine: (native|node)\)$/;

/** Starts an example on a port that the kernel chooses and waits for its ready line, which has to be its first. */
export async function startExample(name: string, engine: TestedEngine, ...options: string[]): Promise<Example> {
  const program = new Program(process.execPath, ['out/examples/run.js', name, '--port=0', `--engine=${engine}`, ...options]);
  return ready(program, engine);
}

/** Reads the ready line. */
export async function ready(program: Program, engine: TestedEngine): Promise<Example> {
  const line = await program.line().catch(async (error: Error) => {
    throw new Error(`${error.message}\n${Buffer.concat(program.errors)}`);
  });
  const [, host, port, running] = READY.exec(line) ?? [];
  if (host === undefined || running !== engine) throw new Error(`not the ready line of the ${engine} engine: ${line}`);
  return { program, host, port: Number(port) };
}

/** `it` for tests that talk through a program of the system: without it they fail where CI is set, and are skipped by name elsewhere. */
export function itWith(client: string): typeof it | typeof it.skip {
  if (installed(client)) return it;
  if (!process.env.CI) return ((name: string) => it.skip(`${name} — skipped: ${client} is not installed`)) as typeof it.skip;
  return ((name: string) =>
    it(name, () => {
      throw new Error(`${client} is not installed: the examples are tested with real clients`);
    })) as typeof it;
}

function installed(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
