/** What the kernel tells about a process from outside. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, in which /proc tells times to programs: 100 on every Linux, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
export const NS_PER_TICK = 1e9 / TICKS_PER_SECOND;

/** CPU time of a process, all threads. */
export interface CpuTime {
  /** Nanoseconds, counted at every switch: exact. */
  readonly totalNs: number;
  /** Nanoseconds, sampled by the kernel's tick: only the proportion of the two means something. */
  readonly userNs: number;
  readonly systemNs: number;
}

/** Resident memory of a process, in bytes. What the kernel holds for its sockets is not in it. */
export interface Memory {
  readonly resident: number;
  /** Pages shared with other processes count in proportion. */
  readonly proportional: number;
  /** Without the pages of files, such as the program itself. */
  readonly anonymous: number;
}

/** @throws the errno error of /proc when there is no such process */
export function readCpuTime(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name in parentheses and may contain blanks; the third begins behind the last ')'.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const userNs = Number(fields[11]) * NS_PER_TICK;
  const systemNs = Number(fields[12]) * NS_PER_TICK;
  return { totalNs: readScheduledNs(pid) ?? userNs + systemNs, userNs, systemNs };
}

/** `undefined` where the kernel does not keep it. */
function readScheduledNs(pid: number): number | undefined {
  try {
    let total = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
    }
    return total;
  } catch {
    return undefined;
  }
}

/** Context switches of all threads so far, its own and forced ones. */
export function readSwitches(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const { own, forced } = readThreadSwitches(pid, Number(thread));
    return sum + own + forced;
  }, 0);
}

/** How often the main thread has slept so far, and so how often it was woken. */
export function readSleeps(pid: number): number {
  return readThreadSwitches(pid, pid).own;
}

function readThreadSwitches(pid: number, thread: number): { own: number; forced: number } {
  const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
  const count = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(status)?.[1] ?? 0);
  return { own: count('voluntary_ctxt_switches'), forced: count('nonvoluntary_ctxt_switches') };
}

/** What was used between two readings. */
export function cpuTimeBetween(before: CpuTime, after: CpuTime): CpuTime {
  const totalNs = after.totalNs - before.totalNs;
  const user = after.userNs - before.userNs;
  const sampled = user + (after.systemNs - before.systemNs);
  const userNs = sampled === 0 ? 0 : (totalNs * user) / sampled;
  return { totalNs, userNs, systemNs: totalNs - userNs };
}

/** @throws the errno error of /proc when there is no such process */
export function readMemory(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const bytes = (name: string): number => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1];
    if (kibibytes === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no ${name}`);
    return Number(kibibytes) * 1024;
  };
  return { resident: bytes('Rss'), proportional: bytes('Pss'), anonymous: bytes('Anonymous') };
}

/** Processors that this process may use. */
export function readAllowedProcessors(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** How many descriptors a process may have at most. */
export function readDescriptorLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return hard === 'unlimited' || hard === undefined ? Number.MAX_SAFE_INTEGER : Number(hard);
}
