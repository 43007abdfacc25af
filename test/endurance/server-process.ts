/** The attacked server, seen from the attacker's process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MuxStats } from 'netmux';
import { cpuTimeBetween, readCpuTime, readMemory } from '../../bench/process-figures.js';
import { median } from '../../bench/statistics.js';
import type { Form, Program } from './program.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));

/** Between two looks at something that is waited for. */
const LOOK_MS = 20;

/** How often settled memory is looked at, and how long there is between two looks for what V8 does on other threads. */
const MEMORY_LOOKS = 7;
const MEMORY_LOOK_MS = 200;

/** What never comes must not be waited for without end; far above what a busy machine takes. */
const PATIENCE_MS = 60_000;

export interface Report {
  readonly stats: MuxStats;
  /** What the program counts itself. */
  readonly counts: Readonly<Record<string, number>>;
  /** After a collection. */
  readonly heapBytes: number;
  /** Resident, but nobody's: what V8 keeps for garbage to come. */
  readonly idleHeapBytes: number;
}

export class ServerProcess {
  port = 0;
  private ended: string | undefined;

  private constructor(private readonly child: ChildProcess) {
    child.once('exit', (status, signal) => {
      this.ended = `the server ended with ${signal ?? status}`;
    });
  }

  static async start({ name, descriptors, nodeOptions = [] }: Program, form: Form, environment: NodeJS.ProcessEnv) {
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    const command = [process.execPath, '--expose-gc', ...nodeOptions, HOST, name, JSON.stringify(form)];
    const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...command], {
      env: { ...process.env, NODE_OPTIONS: '', ...environment },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const server = new ServerProcess(child);
    server.port = ((await server.message()) as { port: number }).port;
    return server;
  }

  get alive(): boolean {
    return this.ended === undefined;
  }

  async report(): Promise<Report> {
    const answer = this.message();
    this.tell('report');
    return (await answer) as Report;
  }

  tell(word: string): void {
    this.child.send(word, () => {});
  }

  /** Resident memory, in bytes. */
  get memory(): number {
    return readMemory(this.child.pid!).resident;
  }

  /** Memory that something holds, in bytes: neither pages of files, nor garbage or room for it. Medians, since even so it breathes. */
  async settledMemory(): Promise<{ readonly all: number; readonly heap: number }> {
    const all: number[] = [];
    const heap: number[] = [];
    for (let look = 0; look < MEMORY_LOOKS; look += 1) {
      const { heapBytes, idleHeapBytes } = await this.report();
      all.push(readMemory(this.child.pid!).anonymous - idleHeapBytes);
      heap.push(heapBytes);
      await sleep(MEMORY_LOOK_MS);
    }
    return { all: median(all), heap: median(heap) };
  }

  /** How many it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  /** The share of one processor that is used while `work` goes on. */
  async busyDuring(work: () => Promise<unknown>): Promise<number> {
    const before = readCpuTime(this.child.pid!);
    const begun = performance.now();
    await work();
    return cpuTimeBetween(before, readCpuTime(this.child.pid!)).totalNs / 1e6 / (performance.now() - begun);
  }

  /** The milliseconds that it spends in its own code, not the kernel's, while `work` goes on: as the kernel's tick samples them. */
  async userTimeDuring(work: () => Promise<unknown>): Promise<number> {
    const { userNs } = readCpuTime(this.child.pid!);
    await work();
    return (readCpuTime(this.child.pid!).userNs - userNs) / 1e6;
  }

  /** Asks again and again. @returns the report for which `holds` is true, or the last one if that does not come */
  async until(holds: (report: Report) => boolean): Promise<Report> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const report = await this.report();
      if (holds(report) || performance.now() > deadline) return report;
      await sleep(LOOK_MS);
    }
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  private message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) return reject(new Error(this.ended));
      const settle = (act: () => void): void => {
        this.child.off('message', onMessage).off('exit', onExit);
        act();
      };
      const onMessage = (message: unknown): void => settle(() => resolve(message));
      const onExit = (): void => settle(() => reject(new Error(this.ended)));
      this.child.on('message', onMessage).on('exit', onExit);
    });
  }
}
