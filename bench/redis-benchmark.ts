/** Runs redis-benchmark, the load that everybody knows. */
import { Refusal } from './load-generator.js';
import { runToEnd } from './programs.js';

/** Its default, too. */
export const REDIS_CLIENTS = 50;

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
  const { status, output } = await runToEnd('redis-benchmark', args.map(String), core);
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
