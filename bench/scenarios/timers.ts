/** Idle timers: what moving one costs, and what an armed one holds. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Launch } from '../contestants.js';
import { Refusal } from '../load-generator.js';
import { readSleeps } from '../process-figures.js';
import { type Bench, type Sample, type Scenario, withLoad, withServer } from '../scenario.js';
import type { ServerProcess } from '../server-process.js';
import { settle, settledMemory, withCollector } from '../settled-memory.js';
import { quantity } from '../statistics.js';
import { idleConnections } from './idle.js';

const MOVES = 1_000_000;
const QUICK_MOVES = 20_000;

/** Moves before the clock counts, so that the JIT compiler is through. */
const WARM_MOVES_SHARE = 0.2;

/** The first timers also pay for what a server needs once. */
const FIRST_SHARE = 1 / 5;

/** For what one timer tells as well as thousands. */
const FEW_TIMERS = 200;

/** Wake-ups come from the process itself: a few seconds show what comes every second. */
const WATCH_MS = 3000;
const QUICK_WATCH_MS = 100;

const MESSAGE_BYTES = 64;
const ANSWER_TIMEOUT_MS = 60_000;

/** The connection over which orders go to the server; see contestants/netmux-timers.ts. */
class Orders {
  private constructor(
    private readonly socket: ReturnType<typeof connect>,
    private readonly lines: AsyncIterableIterator<string>,
  ) {}

  static async open(server: ServerProcess): Promise<Orders> {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    return new Orders(socket, createInterface({ input: socket })[Symbol.asyncIterator]());
  }

  /** @returns what follows `verb` in the answer */
  async give(order: string, verb: string): Promise<string> {
    this.socket.setTimeout(ANSWER_TIMEOUT_MS, () => this.socket.destroy());
    this.socket.write(`${order}\n`);
    const { value } = await this.lines.next();
    if (value === undefined || !value.startsWith(verb)) throw new Refusal(`'${order}' was answered by '${value ?? 'the end'}'`);
    return value.slice(verb.length);
  }

  /** Arms `count` more timers, which must make `total`. */
  async arm(count: number, total: number): Promise<void> {
    const armed = Number(await this.give(`arm ${count}`, 'armed '));
    if (armed !== total) throw new Refusal(`${armed} timers armed in place of ${total}`);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** `work` gives orders to a server that holds `connections` idle ones, which must still be there afterwards. */
async function withOrders(
  bench: Bench,
  launch: Launch,
  connections: number,
  work: (server: ServerProcess, orders: Orders) => Promise<Sample>,
): Promise<Sample> {
  const hold = (server: ServerProcess): Promise<Sample> => {
    const load = { port: server.port, mode: 'idle', framing: 'lines', size: MESSAGE_BYTES, connections } as const;
    return withLoad(bench, load, async (generator) => {
      await generator.reach('held');
      const orders = await Orders.open(server);
      try {
        const sample = await work(server, orders);
        generator.proceed();
        await generator.result();
        return sample;
      } finally {
        orders.close();
      }
    });
  };
  return withServer(bench, launch, hold, withCollector(launch));
}

async function measureMoves(bench: Bench, launch: Launch, server: ServerProcess, orders: Orders, connections: number): Promise<Sample> {
  const first = Math.round(connections * FIRST_SHARE);
  await orders.arm(first, first);
  const before = await settledMemory(bench, launch, server);
  await orders.arm(connections - first, connections);
  const after = await settledMemory(bench, launch, server);
  const moves = bench.options.quick ? QUICK_MOVES : MOVES;
  await orders.give(`move ${moves * WARM_MOVES_SHARE}`, 'moved ');
  const ns = Number(await orders.give(`move ${moves}`, 'moved '));
  return {
    move: quantity(ns, moves),
    armed: quantity(after.resident - before.resident, connections - first),
  };
}

async function measureWakeUps(bench: Bench, server: ServerProcess, orders: Orders): Promise<Sample> {
  await orders.arm(FEW_TIMERS, FEW_TIMERS);
  await settle(bench);
  const watchMs = bench.options.quick ? QUICK_WATCH_MS : WATCH_MS;
  const before = readSleeps(server.pid);
  await sleep(watchMs);
  return { wakeUps: quantity((readSleeps(server.pid) - before) * 1000, watchMs) };
}

async function measureLateness(orders: Orders): Promise<Sample> {
  const late = JSON.parse(await orders.give(`late ${FEW_TIMERS}`, 'late ')) as Record<'early' | 'p50' | 'p90' | 'max', number>;
  return { late: quantity(late.p90), p50: quantity(late.p50), most: quantity(late.max), early: quantity(late.early) };
}

function idleTimers(connections: number): Scenario {
  return {
    name: 'timers',
    title: `idle timers of ${connections} connections: moving one later inside a callback, memory of an armed one`,
    parameters: { connections },
    protocol: 'timers',
    figures: [
      { key: 'move', title: '', unit: 'ns/move', digits: 1 },
      { key: 'armed', title: '', unit: 'bytes/armed timer', digits: 0, ranged: true },
    ],
    better: 'lower',
    contestants: ['netmux-native', 'netmux-node', 'net', 'net-tuned'],
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'net-tuned', title: 'refresh' },
    ],
    measure: (bench, launch) =>
      withOrders(bench, launch, connections, (server, orders) => measureMoves(bench, launch, server, orders, connections)),
  };
}

const wakeUps: Scenario = {
  name: 'wake-ups',
  title: `how often a server wakes up that has nothing to do, with ${FEW_TIMERS} timers of which none is due`,
  parameters: { connections: FEW_TIMERS },
  protocol: 'timers',
  figures: [{ key: 'wakeUps', title: '', unit: 'wake-ups/s', digits: 2 }],
  better: 'lower',
  contestants: ['netmux-native', 'netmux-node', 'net'],
  references: [],
  measure: (bench, launch) => withOrders(bench, launch, FEW_TIMERS, (server, orders) => measureWakeUps(bench, server, orders)),
};

const lateness: Scenario = {
  name: 'lateness',
  title: `how late ${FEW_TIMERS} timers of up to half a second come, on a loop with nothing else to do`,
  parameters: { connections: FEW_TIMERS },
  protocol: 'timers',
  figures: [
    { key: 'late', title: 'p90', unit: 'ms', digits: 2 },
    { key: 'p50', title: 'p50', unit: 'ms', digits: 2 },
    { key: 'most', title: 'most', unit: 'ms', digits: 2 },
    { key: 'early', title: 'too early', unit: 'ms', digits: 3 },
  ],
  better: 'lower',
  contestants: ['netmux-native', 'netmux-node', 'net'],
  references: [],
  measure: (bench, launch) => withOrders(bench, launch, FEW_TIMERS, (_server, orders) => measureLateness(orders)),
};

export function timerScenarios(bench: Pick<Bench, 'options' | 'descriptorLimit'>): Scenario[] {
  return [idleTimers(idleConnections(bench)), wakeUps, lateness];
}
