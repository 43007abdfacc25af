/** The target that needs more connections than a process may have on most machines: judged by the runs of bench:million that are kept. */
import type { Verdict } from '../results.js';
import { bytesEach, type MillionResult } from './result.js';

const HEAD = { target: '8 · very many connections in one process', wanted: '≤ 400 bytes each, at 200,000' } as const;

const WANTED = { connections: 200_000, bytes: 400 };
const AIM = { connections: 1_000_000, bytes: 250 };

function reaches(result: MillionResult, { connections, bytes }: typeof WANTED): boolean {
  return result.connections >= connections && bytesEach(result, 'open', 'resident') <= bytes;
}

/** By the largest run in which every connection answered; memory is no matter of chance, so one is enough. */
export function judgeMillions(millions: readonly MillionResult[]): Verdict {
  const whole = millions.filter(({ connections, answered, faults }) => answered === connections && faults.length === 0);
  const result = whole.filter(({ connections }) => connections >= WANTED.connections).sort((a, b) => b.connections - a.connections)[0];
  if (result === undefined) return { ...HEAD, verdict: 'not measured', why: 'npm run bench:million measures it' };
  const value = bytesEach(result, 'open', 'resident');
  const aim = reaches(result, AIM) ? 'reached' : 'not reached';
  const origin = `on ${result.date.slice(0, 10)} with netmux ${result.sources ?? 'without a commit'}`;
  const why = `${value.toFixed(0)} bytes at ${result.connections.toLocaleString('en-US')}, ${origin}; aim ${AIM.bytes} at a million: ${aim}`;
  return { ...HEAD, verdict: reaches(result, WANTED) ? 'reached' : 'not reached', why, value, bound: WANTED.bytes };
}
