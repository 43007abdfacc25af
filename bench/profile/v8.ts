/** V8's own profile: which JavaScript function the time is spent in. */
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../server-process.js';
import { costLines, type Place, type Profile } from './tool.js';

/** A server that is killed by a signal writes no profile; one that exits does. */
const EXIT_ON_SIGNAL = 'data:text/javascript,process.once("SIGTERM",()=>process.exit())';

const INTERVAL_US = 200;

const US_PER_NS = 1 / 1000;

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

  async begin(): Promise<void> {
    this.beginUs = nowUs();
  }

  async end(): Promise<void> {
    this.endUs = nowUs();
  }

  async report(messages: number): Promise<readonly string[]> {
    const file = `${this.place.stem}.cpuprofile`;
    const [written] = readdirSync(this.folder);
    if (written === undefined) return ['not available: the server wrote no profile'];
    renameSync(join(this.folder, written), file);
    rmSync(this.folder, { recursive: true });
    const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
    const each = this.selfTimes(profile, messages);
    return [
      `self time, sampled every ${INTERVAL_US} µs; (program) is what is not JavaScript, the kernel included`,
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
      if (name === '(idle)') continue;
      times.set(name, (times.get(name) ?? 0) + delta / messages);
    }
    return times;
  }
}
