/** One measurement of a server under load: what every scenario of messages has in common. */
import type { Launch } from './contestants.js';
import type { LoadGenerator, LoadResult } from './load-generator.js';
import { ProcessorWatch } from './noise.js';
import { type CpuTime, cpuTimeBetween, readCpuTime, readSwitches } from './process-figures.js';
import type { Figure } from './results.js';
import { type Bench, type Load, type Sample, type Scenario, withLoad, withServer } from './scenario.js';
import type { ServerProcess } from './server-process.js';
import { quantity } from './statistics.js';
import { SystemCallCounter, totalOf } from './system-calls.js';

const NS_PER_US = 1000;
const NS_PER_S = 1e9;

/** Under strace a server needs ten times as long: enough messages for a mean, and no more. */
const COUNT_MS = 200;
const QUICK_COUNT_MS = 40;

/** A call that comes less often than once in so many messages is not about messages. */
const RARE_CALLS = 1000;

export function rateFigure(what: string): Figure {
  return { key: 'rate', title: '', unit: `${what}/s`, digits: 0 };
}

export function cpuFigure(what: string): Figure {
  return { key: 'cpu', title: 'CPU', unit: `µs/${what}`, digits: 2 };
}

/** The other columns. The spread of user time is large: it has few samples. */
export const DETAILS: readonly Figure[] = [
  { key: 'user', title: 'user', unit: 'µs', digits: 2, pooled: true },
  { key: 'system', title: 'system', unit: 'µs', digits: 2, pooled: true },
  { key: 'p50', title: 'p50', unit: 'µs', digits: 0 },
  { key: 'p99', title: 'p99', unit: 'µs', digits: 0 },
  { key: 'p999', title: 'p99.9', unit: 'µs', digits: 0 },
  { key: 'syscalls', title: 'calls', unit: 'each', digits: 2 },
  { key: 'serverBusy', title: 'server', unit: '%', digits: 0 },
  { key: 'loadBusy', title: 'load', unit: '%', digits: 0 },
];

/** CPU time of the server for each message. */
export function cpuSample(cpu: CpuTime, messages: number): Sample {
  return {
    cpu: quantity(cpu.totalNs / NS_PER_US, messages),
    user: quantity(cpu.userNs / NS_PER_US, messages),
    system: quantity(cpu.systemNs / NS_PER_US, messages),
  };
}

function loadSample(result: LoadResult, cpu: CpuTime): Sample {
  const { messages, seconds, latencyUs } = result;
  return {
    ...cpuSample(cpu, messages),
    rate: quantity(messages, seconds),
    p50: quantity(latencyUs.p50),
    p90: quantity(latencyUs.p90, 1, 'µs'),
    p99: quantity(latencyUs.p99),
    p999: quantity(latencyUs.p999),
    max: quantity(latencyUs.max, 1, 'µs'),
    serverBusy: quantity(100 * cpu.totalNs, seconds * NS_PER_S),
    loadBusy: quantity(100 * result.cpuSeconds, seconds),
  };
}

/** A further stage of the load, watched by strace. Empty where that does not work. */
async function countCalls(server: ServerProcess, generator: LoadGenerator): Promise<Sample> {
  const counter = await SystemCallCounter.attach(server.pid);
  if (counter === undefined) return {};
  generator.proceed();
  const messages = await generator.counted();
  const calls = await counter.detach();
  if (messages === 0) return {};
  const frequent = [...calls].filter(([, count]) => count * RARE_CALLS > messages);
  return {
    syscalls: quantity(totalOf(calls), messages),
    ...Object.fromEntries(frequent.map(([name, count]) => [`syscall:${name}`, quantity(count, messages, 'calls/message')])),
  };
}

/** What a scenario measures that consists of a load. */
export function traffic(load: Load): Pick<Scenario, 'load' | 'measure'> {
  return { load, measure: (bench, launch, round) => measureTraffic(bench, launch, round, load) };
}

/** Warms a fresh server up, measures it, and in the first round counts its system calls. */
async function measureTraffic(bench: Bench, launch: Launch, round: number, load: Load): Promise<Sample> {
  const { warmupMs, windowMs: durationMs, quick } = bench.options;
  const countMs = round > 0 ? 0 : quick ? QUICK_COUNT_MS : COUNT_MS;
  return withServer(bench, launch, (server) =>
    withLoad(bench, { warmupMs, durationMs, countMs, ...load, port: server.port }, async (generator) => {
      await generator.reach('warm');
      const watch = new ProcessorWatch([bench.cores.server, bench.cores.load]);
      const before = readCpuTime(server.pid);
      const switchesBefore = readSwitches(server.pid);
      generator.proceed();
      const result = await generator.result();
      const cpu = cpuTimeBetween(before, readCpuTime(server.pid));
      const foreign = watch.foreignPercent(cpu.totalNs + result.cpuSeconds * NS_PER_S);
      const switches = quantity(readSwitches(server.pid) - switchesBefore, result.messages, 'switches/message');
      const calls = countMs > 0 ? await countCalls(server, generator) : {};
      return { ...loadSample(result, cpu), switches, foreign, ...calls };
    }),
  );
}
