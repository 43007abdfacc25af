/** What a connection costs that has nothing to say. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Launch } from '../contestants.js';
import { readMemory } from '../process-figures.js';
import { type Bench, type Sample, type Scenario, withLoad, withServer } from '../scenario.js';
import { quantity } from '../statistics.js';

const CONNECTIONS = 15_000;
const QUICK_CONNECTIONS = 1000;

/** The first ones also pay for what a server needs once: compiled code, slabs, pages of the program that are read in. */
const BASELINE_SHARE = 1 / 15;

/** Descriptors that a server has besides its connections. */
const RESERVED_DESCRIPTORS = 200;

const MESSAGE_BYTES = 64;

/** Time for a server to do what it puts off, such as collecting garbage on another thread. */
const SETTLE_MS = 1000;
const QUICK_SETTLE_MS = 50;

export function idleConnections(bench: Pick<Bench, 'options' | 'descriptorLimit'>): number {
  return Math.min(bench.options.quick ? QUICK_CONNECTIONS : CONNECTIONS, bench.descriptorLimit - RESERVED_DESCRIPTORS);
}

export function settle(bench: Bench): Promise<void> {
  return sleep(bench.options.quick ? QUICK_SETTLE_MS : SETTLE_MS);
}

async function measureIdle(bench: Bench, launch: Launch, connections: number): Promise<Sample> {
  const baseline = Math.round(connections * BASELINE_SHARE);
  return withServer(bench, launch, async (server) => {
    await settle(bench);
    const start = readMemory(server.pid);
    const load = { port: server.port, mode: 'idle', framing: 'raw', size: MESSAGE_BYTES, connections, baseline } as const;
    return withLoad(bench, load, async (generator) => {
      await generator.reach('baseline');
      await settle(bench);
      const warm = readMemory(server.pid);
      generator.proceed();
      await generator.reach('held');
      await settle(bench);
      const held = readMemory(server.pid);
      generator.proceed();
      await generator.result();
      return {
        marginal: quantity(held.resident - warm.resident, connections - baseline),
        whole: quantity(held.resident - start.resident, connections),
        proportional: quantity(held.proportional - start.proportional, connections),
        anonymous: quantity(held.anonymous - start.anonymous, connections),
        start: quantity(start.resident, 1024),
      };
    });
  });
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
