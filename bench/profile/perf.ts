/** Where the processor was, kernel included, by perf's samples. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CpuTime, cpuTimeBetween, readCpuTime } from '../process-figures.js';
import type { Command } from '../server-process.js';
import { findOnPath } from '../toolchain.js';
import { CompiledCode } from './compiled-code.js';
import { costLines, type Place, type Profile } from './tool.js';

/** Not a divisor of any timer's rate. */
const SAMPLES_PER_SECOND = 1997;

/** perf does not tell when it has attached. */
const ATTACH_MS = 500;

const REPORT_TIMEOUT_MS = 120_000;

const NS_PER_US = 1000;

/** Share in percent, object, which may have blanks in it ('[JIT] tid 42'), symbol. */
const REPORT_LINE = /^\s*([\d.]+)%\s+(\S.*?)\s+\[[.kgu]\]\s+(.+?)\s*$/;

function objectOf(name: string): string {
  if (name.startsWith('[kernel') || name === '[vdso]') return 'kernel';
  return name.startsWith('perf-') || name.startsWith('[JIT]') || name === '[unknown]' ? 'compiled JavaScript' : name;
}

/** @param text what `perf report -F overhead,dso,sym` prints */
export function parsePerfReport(text: string): { readonly percent: number; readonly object: string; readonly symbol: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, percent, object = '', symbol = ''] = REPORT_LINE.exec(line) ?? [];
    return percent === undefined ? [] : { percent: Number(percent), object: objectOf(object), symbol };
  });
}

export class PerfProfile implements Profile {
  readonly warmupMs: number;
  readonly durationMs: number;
  private readonly isNode: boolean;
  private readonly data: string;
  private perf: ChildProcess | undefined;
  private output = '';
  private before: CpuTime | undefined;
  private used: CpuTime | undefined;
  private pid = 0;

  constructor(
    private readonly place: Place,
    quick: boolean,
  ) {
    this.warmupMs = quick ? 100 : 1500;
    this.durationMs = quick ? 200 : 3000;
    this.isNode = place.isNode;
    this.data = `${place.stem}.perf.data`;
  }

  /** With names for the code that V8 makes, in a file that perf looks for. */
  command(command: Command): Command {
    return this.isNode ? { ...command, args: ['--perf-basic-prof', ...command.args] } : command;
  }

  async begin(pid: number): Promise<void> {
    if (findOnPath('perf') === undefined) throw new Error('perf is not on the path');
    this.pid = pid;
    const args = ['record', '-q', '-e', 'cpu-clock', '-F', String(SAMPLES_PER_SECOND), '-p', String(pid), '-o', this.data];
    this.perf = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.perf.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    await sleep(ATTACH_MS);
    if (this.perf.exitCode !== null) throw new Error(`perf: ${this.output.trim().split('\n')[0]}`);
    this.before = readCpuTime(pid);
  }

  async end(pid: number): Promise<void> {
    if (this.before !== undefined) this.used = cpuTimeBetween(this.before, readCpuTime(pid));
    const ended = once(this.perf!, 'close');
    this.perf!.kill('SIGINT');
    await ended;
  }

  async report(messages: number): Promise<readonly string[]> {
    const args = ['report', '-i', this.data, '--stdio', '--no-children', '-F', 'overhead,dso,sym'];
    const { status, stdout, stderr } = spawnSync('perf', args, { encoding: 'utf8', timeout: REPORT_TIMEOUT_MS });
    rmSync(CompiledCode.fileOf(this.pid), { force: true });
    if (status !== 0) return [`not available: perf report: ${stderr.trim().split('\n')[0]}`];
    writeFileSync(`${this.place.stem}.perf.txt`, stdout);
    const us = this.used!.totalNs / NS_PER_US / messages;
    const objects = new Map<string, number>();
    const symbols = new Map<string, number>();
    for (const { percent, object, symbol } of parsePerfReport(stdout)) {
      const cost = (us * percent) / 100;
      objects.set(object, (objects.get(object) ?? 0) + cost);
      symbols.set(`${object}  ${symbol}`, (symbols.get(`${object}  ${symbol}`) ?? 0) + cost);
    }
    return [
      `${us.toFixed(2)} µs of CPU time/message`,
      ...costLines(objects, 8, 2, 'µs'),
      'by function:',
      ...costLines(symbols, 15, 3, 'µs'),
    ];
  }
}
