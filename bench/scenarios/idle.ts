/** What a connection costs that has nothing to say. */
import type { Launch } from '../contestants.js';
import { type Bench, type Sample, type Scenario, withLoad, withServer } from '../scenario.js';
import type { ServerProcess } from '../server-process.js';
import { settledMemory, withCollector } from '../settled-memory.js';
import { quantity } from '../statistics.js';

const CONNECTIONS = 15_000;
const QUICK_CONNECTIONS = 1000;

/** The first ones also pay for what a server needs once for many connections, such as larger tables. */
const BASELINE_SHARE = 1 / 15;

/** Descriptors that a server has besides its connections. */
const RESERVED_DESCRIPTORS = 200;

const MESSAGE_BYTES = 64;

export function idleConnections(bench: Pick<Bench, 'options' | 'descriptorLimit'>): number {
  return Math.min(bench.options.quick ? QUICK_CONNECTIONS : CONNECTIONS, bench.descriptorLimit - RESERVED_DESCRIPTORS);
}

/** A few connections that speak: what a server does once, such as compiling, is then behind it, and its tables are still small. */
const REHEARSAL_CONNECTIONS = 8;
const REHEARSAL_MS = 1500;
const QUICK_REHEARSAL_MS = 50;

async function rehearse(bench: Bench, server: ServerProcess): Promise<void> {
  const load = { port: server.port, mode: 'closed', framing: 'raw', size: MESSAGE_BYTES, connections: REHEARSAL_CONNECTIONS } as const;
  const durationMs = bench.options.quick ? QUICK_REHEARSAL_MS : REHEARSAL_MS;
  await withLoad(bench, { ...load, warmupMs: 0, durationMs }, async (generator) => {
    await generator.reach('warm');
    generator.proceed();
    await generator.result();
  });
}

async function measureIdle(bench: Bench, launch: Launch, connections: number): Promise<Sample> {
  const baseline = Math.round(connections * BASELINE_SHARE);
  const work = async (server: ServerProcess): Promise<Sample> => {
    await rehearse(bench, server);
    const start = await settledMemory(bench, launch, server);
    const load = { port: server.port, mode: 'idle', framing: 'raw', size: MESSAGE_BYTES, connections, baseline } as const;
    return withLoad(bench, load, async (generator) => {
      await generator.reach('baseline');
      const warm = await settledMemory(bench, launch, server);
      generator.proceed();
      await generator.reach('held');
      const held = await settledMemory(bench, launch, server);
      generator.proceed();
      await generator.result();
      return {
        whole: quantity(held.resident - start.resident, connections),
        marginal: quantity(held.resident - warm.resident, connections - baseline),
        proportional: quantity(held.proportional - start.proportional, connections),
        anonymous: quantity(held.anonymous - start.anonymous, connections),
        start: quantity(start.resident, 1024),
      };
    });
  };
  return withServer(bench, launch, work, withCollector(launch));
}

export function idleScenario(bench: Pick<Bench, 'options' | 'descriptorLimit'>): Scenario {
  const connections = idleConnections(bench);
  const baseline = Math.round(connections * BASELINE_SHARE);
  return {
    name: 'idle',
    title: `${connections} idle connections, each after one message: resident user-space bytes of each`,
    protocol: 'echo',
    parameters: { connections, bytes: MESSAGE_BYTES },
    figures: [
      { key: 'whole', title: '', unit: 'bytes/connection', digits: 0 },
      { key: 'marginal', title: `from the ${baseline}th on`, unit: 'bytes', digits: 0 },
      { key: 'proportional', title: 'proportional', unit: 'bytes', digits: 0 },
      { key: 'anonymous', title: 'anonymous', unit: 'bytes', digits: 0 },
      { key: 'start', title: 'at start', unit: 'KiB', digits: 0 },
    ],
    better: 'lower',
    contestants: ['netmux-native', 'netmux-server', 'netmux-node', 'net', 'net-newest', 'bun', 'deno', 'go', 'epoll'],
    // No ratio to C, which keeps nothing at all for an idle connection.
    references: [{ contestant: 'net', title: 'node:net' }],
    measure: (context, launch) => measureIdle(context, launch, connections),
  };
}
