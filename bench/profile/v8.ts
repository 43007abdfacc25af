/** V8's own profile: which JavaScript function the time is spent in. */
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type CpuTime, cpuTimeBetween, readCpuTime } from '../process-figures.js';
import type { Command } from '../server-process.js';
import { costLines, type Place, type Profile } from './tool.js';

/** A server that is killed by a signal writes no profile; one that exits does. */
const EXIT_ON_SIGNAL = 'data:text/javascript,process.once("SIGTERM",()=>process.exit())';

const INTERVAL_US = 200;

const US_PER_NS = 1 / 1000;

/**
 * What V8 takes for no JavaScript. Node tells it that the process is idle from before it asks the kernel until all that was
 * ready is through, so that '(idle)' is not only waiting but also what the native core does: neither is a figure.
 */
const OUTSIDE = ['(program)', '(idle)'];

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface CpuProfile {
  readonly nodes: readonly Node[];
  /** Microseconds of the monotonic clock, which is also that of `process.hrtime`. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

function nowUs(): number {
  return Number(process.hrtime.bigint()) * US_PER_NS;
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: Node): string {
  if (functionName.startsWith('(')) return functionName;
  const file = url.replace(/^.*\/(dist|out|node:)/, '$1');
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`;
}

export class V8Profile implements Profile {
  readonly warmupMs: number;
  readonly durationMs: number;
  private readonly folder: string;
  private beginUs = 0;
  private endUs = 0;
  private before: CpuTime | undefined;
  private used: CpuTime | undefined;

  constructor(
    private readonly place: Place,
    quick: boolean,
  ) {
    this.warmupMs = quick ? 100 : 1500;
    this.durationMs = quick ? 100 : 3000;
    this.folder = `${place.stem}.cpuprofile.part`;
  }

  command(command: Command): Command {
    const options = ['--cpu-prof', `--cpu-prof-dir=${this.folder}`, `--cpu-prof-interval=${INTERVAL_US}`, `--import=${EXIT_ON_SIGNAL}`];
    return { ...command, args: [...options, ...command.args] };
  }

  async begin(pid: number): Promise<void> {
    this.before = readCpuTime(pid);
    this.beginUs = nowUs();
  }

  async end(pid: number): Promise<void> {
    this.endUs = nowUs();
    this.used = cpuTimeBetween(this.before!, readCpuTime(pid));
  }

  async report(messages: number): Promise<readonly string[]> {
    const file = `${this.place.stem}.cpuprofile`;
    const [written] = readdirSync(this.folder);
    if (written === undefined) return ['not available: the server wrote no profile'];
    renameSync(join(this.folder, written), file);
    rmSync(this.folder, { recursive: true });
    const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
    const each = this.selfTimes(profile, messages);
    const us = (this.used!.totalNs * US_PER_NS) / messages;
    const inside = [...each.values()].reduce((sum, cost) => sum + cost, 0);
    return [
      `${us.toFixed(2)} µs of CPU time/message, ${inside.toFixed(2)} of it in JavaScript and what V8 does for it; the profiler's own included`,
      `self time, sampled every ${INTERVAL_US} µs; a function of Node's own in C++ counts with the kernel below it:`,
      ...costLines(each, 10, 3, 'µs'),
    ];
  }

  /** Microseconds for each message in the window, by function. */
  private selfTimes({ nodes, startTime, samples, timeDeltas }: CpuProfile, messages: number): Map<string, number> {
    const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
    const times = new Map<string, number>();
    let at = startTime;
    for (const [index, sample] of samples.entries()) {
      const delta = timeDeltas[index] ?? 0;
      at += delta;
      if (at < this.beginUs || at > this.endUs) continue;
      const name = names.get(sample) ?? '?';
      if (OUTSIDE.includes(name)) continue;
      times.set(name, (times.get(name) ?? 0) + delta / messages);
    }
    return times;
  }
}
