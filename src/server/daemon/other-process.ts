import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** Start times in /proc count these; the same on every Linux that Node runs on (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/** For clocks that are rounded differently. */
const TOLERANCE_MS = 2000;

/** Whether a process exists, ours to signal or not. */
export function isAlive(pid: number): boolean {
  // 0 would mean our own group of processes.
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether a living process began after a moment, and so cannot be who did something then: numbers of processes are used again,
 * in a container that was started anew nearly always. False where that cannot be known.
 *
 * @param moment in milliseconds since 1970
 */
export function startedAfter(pid: number, moment: number): boolean {
  const own = startOf('self');
  const other = startOf(String(pid));
  // Some containers show an uptime of their own beside start times that count from the host's boot; then we seem to begin in the future.
  if (own === undefined || other === undefined || own > Date.now() + TOLERANCE_MS) return false;
  return other > moment + TOLERANCE_MS;
}

function startOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program comes second, in parentheses, and may itself contain any character; the start is number 22.
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    return Number.isFinite(ticks) ? Date.now() - uptime() * 1000 + (ticks * 1000) / TICKS_PER_SECOND : undefined;
  } catch {
    return undefined;
  }
}
