/** Counts a process's system calls from outside, by strace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { findOnPath } from './toolchain.js';

/** By name. */
export type SystemCalls = ReadonlyMap<string, number>;

/** strace says so when it has stopped every thread once. */
const ATTACHED = /^strace: Process \d+ attached/m;

/** A line of its summary: share, seconds, microseconds each, calls, perhaps errors, name. */
const SUMMARY_LINE = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm;

/** It is slow to begin on a busy machine; one that does not end is killed. */
const TIMEOUT_MS = 20_000;

export class SystemCallCounter {
  private output = '';

  private constructor(private readonly strace: ChildProcess) {
    strace.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
  }

  /** `undefined` where there is no strace, or where it may not look at the process. From here on the process is much slower. */
  static async attach(pid: number): Promise<SystemCallCounter | undefined> {
    if (findOnPath('strace') === undefined) return undefined;
    const strace = spawn('strace', ['-f', '-c', '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'], timeout: TIMEOUT_MS });
    const counter = new SystemCallCounter(strace);
    const ended = once(strace, 'close').then(() => true);
    while (!ATTACHED.test(counter.output)) {
      const told = once(strace.stderr!, 'data').then(() => false);
      if (await Promise.race([told, ended])) return undefined;
    }
    return counter;
  }

  /** Lets the process go. */
  async detach(): Promise<SystemCalls> {
    const closed = once(this.strace, 'close');
    this.strace.kill('SIGINT');
    await closed;
    const counts = [...this.output.matchAll(SUMMARY_LINE)].map(([, calls, name]) => [name!, Number(calls)] as const);
    return new Map(counts.filter(([name]) => name !== 'total'));
  }
}

export function totalOf(calls: SystemCalls): number {
  return [...calls.values()].reduce((sum, count) => sum + count, 0);
}
