/** A server under test: a process of its own, pinned to a core, watched from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineName, Launch } from './contestants.js';
import type { RuntimeName } from './runtimes.js';
import type { Bench } from './scenario.js';
import { findOnPath, ROOT } from './toolchain.js';

/** What starting a server needs of the bench. */
export type Grounds = Pick<Bench, 'binaries' | 'runtimes' | 'cores'>;

/** A Node process on a busy machine starts in a second, under emulation in ten. */
const START_TIMEOUT_MS = 120_000;

/** Unless said otherwise. */
const STOP_TIMEOUT_MS = 2000;

/** Examples and contestants print this as soon as they can be connected to. */
const READY = /^listening on \S+:(\d+)(?: \(engine: (native|node)\))?$/m;
const REDIS_READY = /Ready to accept connections/;

/** What is meant for this process, such as a debugger's or a coverage tool's options, and not for those that are measured. */
const NOT_INHERITED = ['NODE_OPTIONS', 'NODE_V8_COVERAGE', 'NETMUX_DEBUG', 'NETMUX_ENGINE'];

/** Enough of what a failed server said to see why. */
const KEPT_OUTPUT = 4000;

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** Where it will listen, if it does not say so itself. */
  readonly port?: number;
  readonly engine?: EngineName;
}

/** The server did not start, or did not last. `output` is what it printed; the message has the line of it that tells most. */
export class StartError extends Error {
  constructor(
    message: string,
    readonly output: string,
  ) {
    super([message, tellingLine(output)].filter((part) => part !== undefined).join(': '));
  }
}

function tellingLine(output: string): string | undefined {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /Error\b.*:/.test(line)) ?? lines.at(-1))?.trim();
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program with as many descriptors as the hard limit allows, on one core if one is given. Its pid is the program's
 * own: the shell and `taskset` replace themselves. It is killed when this process ends.
 */
export function spawnPinned(
  file: string,
  args: readonly string[],
  core: number | undefined,
  environment?: NodeJS.ProcessEnv,
): ChildProcess {
  const pin = core === undefined ? [] : ['taskset', '-c', String(core)];
  const inherited = { ...process.env };
  for (const name of NOT_INHERITED) delete inherited[name];
  const child = spawn('/bin/sh', ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', ...pin, file, ...args], {
    cwd: ROOT,
    env: { ...inherited, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What the runtime wants before the name of a script. */
const SCRIPT_ARGUMENTS: Readonly<Partial<Record<RuntimeName, readonly string[]>>> = { deno: ['run', '--allow-net', '--no-config'] };

export async function commandFor(launch: Launch, { binaries, runtimes }: Grounds): Promise<Command> {
  if ('binary' in launch) return { file: binaries[launch.binary], args: launch.args ?? [] };
  if ('redis' in launch) {
    const port = await freePort();
    // Its protected mode refuses the load generator, whose clients come from all of 127.0.0.0/8.
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'no', '--save', '', '--appendonly', 'no'];
    return { file: findOnPath('redis-server')!, args, port };
  }
  const runtime = launch.runtime === undefined ? undefined : runtimes[launch.runtime];
  if (typeof runtime === 'string') throw new Error(runtime);
  const file = runtime?.file ?? process.execPath;
  if ('example' in launch) {
    const args = [join(ROOT, 'out/examples/run.js'), launch.example, '--port=0', `--engine=${launch.engine}`];
    return { file, args, engine: launch.engine };
  }
  const before = (launch.runtime && SCRIPT_ARGUMENTS[launch.runtime]) ?? [];
  const args = [...before, join(ROOT, 'out/bench/contestants', `${launch.script}.js`), ...(launch.args ?? [])];
  if (launch.engine === undefined) return { file, args };
  return { file, args, environment: { NETMUX_ENGINE: launch.engine }, engine: launch.engine };
}

export class ServerProcess {
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly command: Command,
  ) {
    const keep = (chunk: string): void => {
      this.output = (this.output + chunk).slice(-KEPT_OUTPUT);
    };
    child.stdout!.setEncoding('utf8').on('data', keep);
    child.stderr!.setEncoding('utf8').on('data', keep);
  }

  port = 0;

  /**
   * Resolves when the server can be connected to.
   * @param altered what is run in the place of its command
   * @throws StartError when it ends before or takes too long
   */
  static async start(launch: Launch, grounds: Grounds, altered = (command: Command): Command => command): Promise<ServerProcess> {
    const command = altered(await commandFor(launch, grounds));
    const server = new ServerProcess(spawnPinned(command.file, command.args, grounds.cores.server, command.environment), command);
    try {
      await server.becomeReady();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** @throws StartError when the server has ended, which it never does by itself */
  assertRunning(): void {
    if (this.hasEnded()) throw new StartError(`the server ended (${this.child.exitCode ?? this.child.signalCode})`, this.output);
  }

  /** @param timeoutMs what it may take to end before it is killed */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    if (this.hasEnded()) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    await ended;
    clearTimeout(kill);
  }

  private hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async becomeReady(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!this.findReadyLine()) {
      this.assertRunning();
      if (Date.now() > deadline) throw new StartError(`no ready line after ${START_TIMEOUT_MS / 1000} s`, this.output);
      await Promise.race([once(this.child.stdout!, 'data'), once(this.child, 'close'), sleep(START_TIMEOUT_MS, undefined, { ref: false })]);
    }
  }

  private findReadyLine(): boolean {
    if (this.command.port !== undefined) {
      this.port = this.command.port;
      return REDIS_READY.test(this.output);
    }
    const ready = READY.exec(this.output);
    if (ready === null) return false;
    if (this.command.engine !== undefined && ready[2] !== this.command.engine) {
      throw new StartError(`asked for the ${this.command.engine} engine, got ${ready[2] ?? 'no word about it'}`, this.output);
    }
    this.port = Number(ready[1]);
    return true;
  }
}
