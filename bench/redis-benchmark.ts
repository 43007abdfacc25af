/** Runs redis-benchmark, the load that everybody knows. */
import { once } from 'node:events';
import { Refusal } from './load-generator.js';
import { spawnPinned } from './server-process.js';

/** Its default, too. */
export const REDIS_CLIENTS = 50;

const TIMEOUT_MS = 60_000;

export interface RedisBenchmarkResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/**
 * PING as an array, `pipeline` of them in flight on each connection.
 * @throws Refusal when it fails; it checks the form of the replies, not their bytes
 */
export async function runRedisBenchmark(
  port: number,
  pipeline: number,
  requests: number,
  core: number | undefined,
): Promise<RedisBenchmarkResult> {
  const args = ['-p', port, '-t', 'ping_mbulk', '-c', REDIS_CLIENTS, '-P', pipeline, '-n', requests, '--csv'];
  const child = spawnPinned('redis-benchmark', args.map(String), core);
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  const [status] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  const table = output.split('\n').filter((line) => line.startsWith('"'));
  const row = fields(table.find((line) => line.startsWith('"PING_MBULK"')));
  if (status !== 0 || row === undefined) throw new Refusal(`redis-benchmark failed (${status}): ${output.trim().slice(-500)}`);
  const titles = fields(table[0]) ?? [];
  const value = (title: string): number => Number(row[titles.indexOf(title)]);
  return {
    requests,
    requestsPerSecond: value('rps'),
    p50Us: value('p50_latency_ms') * 1000,
    p99Us: value('p99_latency_ms') * 1000,
  };
}

function fields(line: string | undefined): string[] | undefined {
  return line?.split(',').map((field) => field.replace(/^"|"$/g, ''));
}
