/** PING in the Redis protocol, by redis-benchmark. */
import type { Launch } from '../contestants.js';
import { ProcessorWatch } from '../noise.js';
import { cpuTimeBetween, readCpuTime } from '../process-figures.js';
import { REDIS_CLIENTS, runRedisBenchmark } from '../redis-benchmark.js';
import { type Bench, type Sample, type Scenario, withLoad, withServer } from '../scenario.js';
import type { ServerProcess } from '../server-process.js';
import { quantity } from '../statistics.js';
import { cpuFigure, cpuSample, DETAILS, rateFigure } from '../traffic.js';

const PIPELINES = [16, 64];

/** Requests of the run that warms up and tells how many the measured one needs to last as long as a window. */
const TRIAL_REQUESTS = 100_000;
const QUICK_TRIAL_REQUESTS = 10_000;

/** How long the load generator, which checks every byte, speaks to the server before redis-benchmark does. */
const CHECK_MS = 200;

async function checkBytes(bench: Bench, server: ServerProcess, pipeline: number): Promise<void> {
  const load = { port: server.port, mode: 'closed', framing: 'ping', connections: REDIS_CLIENTS, inFlight: pipeline } as const;
  await withLoad(bench, { ...load, warmupMs: 0, durationMs: CHECK_MS }, async (generator) => {
    await generator.reach('warm');
    generator.proceed();
    await generator.result();
  });
}

async function measurePing(bench: Bench, launch: Launch, pipeline: number): Promise<Sample> {
  const core = bench.cores.load;
  return withServer(bench, launch, async (server) => {
    await checkBytes(bench, server, pipeline);
    const trial = await runRedisBenchmark(server.port, pipeline, bench.options.quick ? QUICK_TRIAL_REQUESTS : TRIAL_REQUESTS, core);
    const requests = Math.max(trial.requests, Math.round((trial.requestsPerSecond * bench.options.windowMs) / 1000));
    const watch = new ProcessorWatch([bench.cores.server]);
    const before = readCpuTime(server.pid);
    const result = await runRedisBenchmark(server.port, pipeline, requests, core);
    const cpu = cpuTimeBetween(before, readCpuTime(server.pid));
    return {
      rate: quantity(result.requestsPerSecond),
      ...cpuSample(cpu, requests),
      p50: quantity(result.p50Us),
      p99: quantity(result.p99Us),
      foreign: watch.foreignPercent(cpu.totalNs),
    };
  });
}

export function respScenarios(): Scenario[] {
  return PIPELINES.map((pipeline) => ({
    name: `resp-${pipeline}`,
    title: `Redis protocol: redis-benchmark -t ping_mbulk -P ${pipeline} -c ${REDIS_CLIENTS}`,
    protocol: 'resp',
    parameters: { connections: REDIS_CLIENTS, inFlight: pipeline },
    figures: [rateFigure('requests'), cpuFigure('request'), ...DETAILS],
    better: 'higher',
    contestants: ['netmux-native', 'netmux-node', 'net', 'net-no-delay', 'redis', 'redis-again'],
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'net-no-delay', title: 'noDelay' },
      { contestant: 'redis', title: 'redis-server' },
    ],
    pair: ['redis', 'redis-again'],
    needs: ['redis-benchmark'],
    measure: (bench, launch) => measurePing(bench, launch, pipeline),
  }));
}
