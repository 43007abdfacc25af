/** Idle timers: what moving one costs, and what an armed one holds. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Launch } from './contestants.js';
import { Refusal } from './load-generator.js';
import { readMemory } from './process-figures.js';
import { type Bench, type Sample, type Scenario, withLoad, withServer } from './scenario.js';
import { idleConnections, settle } from './scenarios-idle.js';
import type { ServerProcess } from './server-process.js';
import { quantity } from './statistics.js';

const MOVES = 1_000_000;
const QUICK_MOVES = 20_000;

/** Moves before the clock counts, so that the JIT compiler is through. */
const WARM_MOVES_SHARE = 0.2;

/** The first timers also pay for what a server needs once. */
const FIRST_SHARE = 1 / 5;

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

async function measureOrders(bench: Bench, server: ServerProcess, connections: number): Promise<Sample> {
  const orders = await Orders.open(server);
  try {
    const first = Math.round(connections * FIRST_SHARE);
    await orders.arm(first, first);
    await settle(bench);
    const before = readMemory(server.pid);
    await orders.arm(connections - first, connections);
    await settle(bench);
    const after = readMemory(server.pid);
    const moves = bench.options.quick ? QUICK_MOVES : MOVES;
    await orders.give(`move ${moves * WARM_MOVES_SHARE}`, 'moved ');
    const ns = Number(await orders.give(`move ${moves}`, 'moved '));
    return {
      move: quantity(ns, moves),
      armed: quantity(after.resident - before.resident, connections - first),
    };
  } finally {
    orders.close();
  }
}

async function measureTimers(bench: Bench, launch: Launch, connections: number): Promise<Sample> {
  return withServer(bench, launch, (server) => {
    const load = { port: server.port, mode: 'idle', framing: 'lines', size: MESSAGE_BYTES, connections } as const;
    return withLoad(bench, load, async (generator) => {
      await generator.reach('held');
      const sample = await measureOrders(bench, server, connections);
      generator.proceed();
      await generator.result();
      return sample;
    });
  });
}

export function timerScenario(bench: Pick<Bench, 'options' | 'descriptorLimit'>): Scenario {
  const connections = idleConnections(bench);
  return {
    name: 'timers',
    title: `idle timers of ${connections} connections: moving one later inside a callback, memory of an armed one`,
    protocol: 'timers',
    figures: [
      { key: 'move', title: 'ns/move', digits: 1 },
      { key: 'armed', title: 'bytes/armed timer', digits: 0, ranged: true },
    ],
    better: 'lower',
    contestants: ['netmux-native', 'netmux-node', 'net', 'net-tuned'],
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'net-tuned', title: 'refresh' },
    ],
    measure: (context, launch) => measureTimers(context, launch, connections),
  };
}
