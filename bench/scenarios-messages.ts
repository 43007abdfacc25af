/** Small messages, as many as go: ping-pong and pipelined lines. */

import type { Launch } from './contestants.js';
import type { LoadOptions, LoadResult } from './load-generator.js';
import { type CpuTime, cpuTimeBetween, readCpuTime } from './process-figures.js';
import { type Bench, type Figure, type Sample, type Scenario, withLoad, withServer } from './scenario.js';
import { quantity } from './statistics.js';

const MESSAGE_BYTES = 64;
const FEW_CONNECTIONS = 64;
const MANY_CONNECTIONS = 1000;
const LINES_IN_FLIGHT = 16;

const NS_PER_US = 1000;
const NS_PER_S = 1e9;

const RATE = (what: string): Figure => ({ key: 'rate', title: `${what}/s`, digits: 0 });
const CPU = (what: string): Figure => ({ key: 'cpu', title: `CPU µs/${what}`, digits: 2 });
const DETAILS: readonly Figure[] = [
  { key: 'user', title: 'user µs', digits: 2, pooled: true },
  { key: 'system', title: 'system µs', digits: 2, pooled: true },
  { key: 'p50', title: 'p50 µs', digits: 0 },
  { key: 'p99', title: 'p99 µs', digits: 0 },
  { key: 'serverBusy', title: 'server %', digits: 0 },
  { key: 'loadBusy', title: 'load %', digits: 0 },
];

function sample(result: LoadResult, cpu: CpuTime): Sample {
  const { messages, seconds, latencyUs } = result;
  return {
    cpu: quantity(cpu.totalNs / NS_PER_US, messages),
    user: quantity(cpu.userNs / NS_PER_US, messages),
    system: quantity(cpu.systemNs / NS_PER_US, messages),
    rate: quantity(messages, seconds),
    p50: quantity(latencyUs.p50),
    p99: quantity(latencyUs.p99),
    serverBusy: quantity(100 * cpu.totalNs, seconds * NS_PER_S),
    loadBusy: quantity(100 * result.cpuSeconds, seconds),
  };
}

/** A closed loop: so many connections, on each of them so many messages under way. */
async function measureClosedLoop(bench: Bench, launch: Launch, load: Omit<LoadOptions, 'port' | 'mode'>): Promise<Sample> {
  const { warmupMs, windowMs: durationMs } = bench.options;
  return withServer(bench, launch, (server) =>
    withLoad(bench, { port: server.port, mode: 'closed', warmupMs, durationMs, ...load }, async (generator) => {
      await generator.reach('warm');
      const before = readCpuTime(server.pid);
      generator.proceed();
      const result = await generator.result();
      return sample(result, cpuTimeBetween(before, readCpuTime(server.pid)));
    }),
  );
}

function pingPong(connections: number, again: readonly string[]): Scenario {
  return {
    name: `ping-pong-${connections}`,
    title: `${MESSAGE_BYTES}-byte ping-pong on ${connections} connections`,
    protocol: 'echo',
    figures: [CPU('message'), RATE('messages'), ...DETAILS],
    better: 'lower',
    contestants: ['netmux-native', 'netmux-node', 'net', 'epoll', ...again],
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'epoll', title: 'C epoll' },
    ],
    measure: (bench, launch) => measureClosedLoop(bench, launch, { framing: 'raw', connections, size: MESSAGE_BYTES, inFlight: 1 }),
  };
}

function pipelinedLines(again: readonly string[]): Scenario {
  return {
    name: 'lines-16',
    title: `${MESSAGE_BYTES}-byte lines, ${LINES_IN_FLIGHT} in flight on ${FEW_CONNECTIONS} connections, a write for each`,
    protocol: 'lines',
    figures: [RATE('lines'), CPU('line'), ...DETAILS],
    better: 'higher',
    contestants: ['netmux-native', 'netmux-node', 'net', 'net-no-delay', 'net-tuned', 'epoll', ...again],
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'net-no-delay', title: 'noDelay' },
      { contestant: 'net-tuned', title: 'cork' },
      { contestant: 'epoll', title: 'C epoll' },
    ],
    measure: (bench, launch) =>
      measureClosedLoop(bench, launch, {
        framing: 'lines',
        connections: FEW_CONNECTIONS,
        size: MESSAGE_BYTES,
        inFlight: LINES_IN_FLIGHT,
      }),
  };
}

/** @param quick without the second of the two identical contestants: there are no times to judge */
export function messageScenarios(quick: boolean): Scenario[] {
  const again = quick ? [] : ['epoll-again'];
  return [pingPong(FEW_CONNECTIONS, again), pingPong(MANY_CONNECTIONS, again), pipelinedLines(again)];
}
