/** Datagram sockets under scripts of any kind: the model's smaller half. NETMUX_MODEL_RUNS and NETMUX_MODEL_SEED as for the other. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type DatagramAddress, type Handle, type Listener, type ListenOptions, Mux, type MuxCallbacks } from '../../src/index.js';
import { TestNetwork } from '../../src/testing/index.js';
import { engines } from '../engines.js';
import {
  ANSWER_BYTES,
  type DatagramAction,
  type DatagramCallback,
  DatagramReference,
  type DatagramStep,
  datagramScript,
  PEERS,
} from './datagram-reference.js';
import { bytesFrom } from './script.js';

const FACTOR = Number(process.env.NETMUX_MODEL_RUNS ?? 1);
const SEED = Number(process.env.NETMUX_MODEL_SEED ?? Date.now() % 2 ** 31);
const RUNS = 50;
const TIMEOUT_MS = 60_000 * FACTOR;

/** Only who fails waits so long. */
const PATIENCE_MS = 5_000;

interface Correspondent {
  readonly address: DatagramAddress;
  readonly received: readonly Buffer[];
  send(bytes: Buffer, to: DatagramAddress): unknown;
  close(): unknown;
}

/** A world with datagrams: who listens in it, and who writes. */
interface World {
  readonly engine: 'native' | 'node' | TestNetwork['engine'];
  readonly place: ListenOptions;
  /** Where the server is found. */
  addressOf(listener: Listener): DatagramAddress;
  correspondent(number: number): Promise<Correspondent>;
  /** What is under way arrives. */
  pass(): Promise<unknown>;
  close(): unknown;
}

const nextMillisecond = () => new Promise((resolve) => setTimeout(resolve, 1));

async function udpWorld(engine: 'native' | 'node'): Promise<World> {
  return {
    engine,
    place: { proto: 'udp', host: '127.0.0.1', port: 0 },
    addressOf: ({ localPort }) => ({ host: '127.0.0.1', port: localPort as number }),
    correspondent: async () => {
      const received: Buffer[] = [];
      const socket = createSocket('udp4', (bytes) => received.push(bytes));
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const send = (bytes: Buffer, to: DatagramAddress) => 'port' in to && socket.send(bytes, to.port, to.host);
      return { address: { host: '127.0.0.1', port: socket.address().port }, received, send, close: () => socket.close() };
    },
    pass: nextMillisecond,
    close: () => {},
  };
}

/** Node has no UNIX datagram sockets: those who write are multiplexers, too. */
async function unixWorld(): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'nm-'));
  return {
    engine: 'native',
    place: { proto: 'unixdgram', path: join(directory, 's') },
    addressOf: ({ path }) => ({ path: path as string }),
    correspondent: async (number) => {
      const received: Buffer[] = [];
      const mux = new Mux({ engine: 'native' });
      mux.setCallbackObject({ mux_input: (_, __, data) => void received.push(data.take()) });
      const socket = await mux.listen({ proto: 'unixdgram', path: join(directory, `${number}`) }).ready;
      void mux.loop();
      const send = (bytes: Buffer, to: DatagramAddress) => socket.send(bytes, to);
      return { address: { path: socket.path as string }, received, send, close: () => mux[Symbol.asyncDispose]() };
    },
    pass: nextMillisecond,
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function memoryWorld(isUnix: boolean): Promise<World> {
  const network = new TestNetwork();
  return {
    engine: network.engine,
    place: isUnix ? { proto: 'unixdgram', path: '/s' } : { proto: 'udp', host: '127.0.0.1', port: 0 },
    addressOf: ({ path, localPort }) => (path === undefined ? { host: '127.0.0.1', port: localPort as number } : { path }),
    correspondent: async (number) => {
      const socket = network.datagrams(isUnix ? { path: `/${number}` } : { port: 0 });
      const all: Buffer[] = [];
      return {
        address: isUnix ? { path: `/${number}` } : { host: '127.0.0.1', port: socket.port },
        get received() {
          all.push(...socket.received().map(({ data }) => data));
          return all;
        },
        send: (bytes, to) => socket.send(bytes, to),
        close: () => socket.close(),
      };
    },
    pass: async () => {
      network.advance(0.01);
      await network.settle();
      network.advance(0.01);
    },
    close: () => {},
  };
}

/** A datagram socket under a script. */
class DatagramServer {
  readonly trace: string[] = [];
  readonly offences: string[] = [];
  readonly mux: Mux;
  readonly #peers: readonly Correspondent[];
  readonly #plans = new Map<DatagramCallback, (readonly DatagramAction[])[]>();
  readonly #sent = new Array<number>(PEERS).fill(0);
  readonly #presented = new Array<number>(PEERS).fill(0);
  readonly #answered = new Array<number>(PEERS).fill(0);
  #lastSender: number | undefined;
  fh!: Listener;

  constructor(world: World, peers: readonly Correspondent[]) {
    this.#peers = peers;
    this.mux = new Mux({ engine: world.engine, warn: () => {} });
    this.mux.setCallbackObject(this.#callbacks());
  }

  take(step: DatagramStep, address: DatagramAddress): unknown {
    if ('when' in step) return this.#plans.set(step.when, [...(this.#plans.get(step.when) ?? []), step.orders]);
    if ('server' in step) return step.server.map((action) => this.#act(action));
    this.#sent[step.peer]! += step.bytes;
    return this.#peers[step.peer]!.send(bytesFrom(step.peer, this.#sent[step.peer]! - step.bytes, step.bytes), address);
  }

  /** Each answer that a peer has got, in its order. */
  answered(): number[] {
    return this.#peers.map(({ received }, peer) => {
      for (const [place, bytes] of received.entries()) {
        const expected = bytesFrom(PEERS + peer, place * ANSWER_BYTES, ANSWER_BYTES);
        if (!bytes.equals(expected)) this.offences.push(`peer ${peer} got a wrong answer`);
      }
      return received.length;
    });
  }

  #callbacks(): MuxCallbacks {
    return {
      mux_input: (mux, fh, data) => {
        const from = mux.udpPeer(fh);
        const key = JSON.stringify(from && ('path' in from ? { path: from.path } : { host: from.address, port: from.port }));
        const peer = this.#peers.findIndex(({ address }) => JSON.stringify(address) === key);
        const bytes = data.peek();
        const expected = bytesFrom(peer, this.#presented[peer]!, bytes.length);
        if (!bytes.equals(expected) || !mux.isUdp(fh)) this.offences.push(`wrong bytes of ${peer}`);
        this.#presented[peer]! += bytes.length;
        this.#lastSender = peer;
        return this.#hear('mux_input', `mux_input ${bytes.length} from ${peer}`);
      },
      mux_timeout: () => this.#hear('mux_timeout'),
      mux_error: () => this.#hear('mux_error'),
      mux_close: (_, fh: Handle) => {
        if (!fh.closed) this.offences.push('open in its mux_close');
        return this.#hear('mux_close');
      },
    };
  }

  #hear(callback: DatagramCallback, line: string = callback): unknown {
    this.trace.push(line);
    const orders = this.#plans.get(callback)?.shift() ?? [];
    for (const action of orders) {
      if (action === 'throw') throw new Error('as planned');
      this.#act(action);
    }
    return orders.includes('reject') ? Promise.reject(new Error('as planned')) : undefined;
  }

  #act(action: DatagramAction): void {
    const { fh, mux } = this;
    switch (action) {
      case 'answer':
        this.#answer(this.#lastSender, (bytes) => mux.write(fh, bytes) !== undefined);
        break;
      case 'send 0':
      case 'send 1': {
        const to = Number(action.at(-1));
        this.#answer(to, (bytes) => fh.send(bytes, this.#peers[to]!.address));
        break;
      }
      case 'shutdown 0':
        fh.shutdown(0);
        break;
      case 'shutdown 1':
        fh.shutdown(1);
        break;
      case 'abort':
        mux.close(fh);
        break;
      case 'timer':
        fh.setTimeout(0);
        break;
      case 'no timer':
        fh.setTimeout(null);
        break;
      case 'pause':
      case 'resume':
      case 'close':
        fh[action]();
        break;
    }
  }

  #answer(to: number | undefined, send: (bytes: Buffer) => boolean): void {
    const { fh } = this;
    const place = to === undefined ? 0 : this.#answered[to]! * ANSWER_BYTES;
    const isTaken = send(bytesFrom(PEERS + (to ?? 0), place, ANSWER_BYTES));
    if (isTaken !== (!fh.closed && to !== undefined)) this.offences.push('an answer that was not taken, or taken in vain');
    if (isTaken && to !== undefined) this.#answered[to]! += 1;
  }
}

async function play(steps: readonly DatagramStep[], world: World): Promise<void> {
  const peers = await Promise.all(Array.from({ length: PEERS }, (_, number) => world.correspondent(number)));
  const server = new DatagramServer(world, peers);
  const { mux } = server;
  try {
    server.fh = await mux.listen(world.place).ready;
    const address = world.addressOf(server.fh);
    mux.loop().catch(() => {});
    const reference = new DatagramReference(typeof world.engine === 'object');
    const actual = () => ({ trace: [...server.trace], answered: server.answered() });
    const expected = () => ({ trace: reference.trace, answered: reference.answered });
    for (const step of steps) {
      if (!reference.take(step)) continue;
      await server.take(step, address);
      const end = performance.now() + PATIENCE_MS;
      do await world.pass();
      while (JSON.stringify(actual()) !== JSON.stringify(expected()) && performance.now() < end);
      expect({ step, ...actual() }).toEqual({ step, ...expected() });
    }
    const { bytesRead, bytesWritten, handles } = mux.stats();
    expect([handles, bytesWritten]).toEqual([reference.isAlive ? 1 : 0, reference.bytesWritten]);
    if (reference.held === 0) expect(bytesRead).toBe(reference.bytesRead);
    expect(server.offences).toEqual([]);
  } finally {
    await mux[Symbol.asyncDispose]();
    for (const peer of peers) await peer.close();
    await world.close();
  }
}

const worlds: readonly (readonly [string, () => Promise<World>])[] = [
  ['UDP in memory', () => memoryWorld(false)],
  ['UNIX datagrams in memory', () => memoryWorld(true)],
  ...engines.map((engine) => [`UDP on the ${engine} engine`, () => udpWorld(engine)] as const),
  ...(engines.includes('native') ? [['UNIX datagrams on the native engine', unixWorld] as const] : []),
];

it.each(worlds)('the model of datagrams: %s', { timeout: TIMEOUT_MS }, async (_, open) => {
  const property = fc.asyncProperty(datagramScript, async (steps) => play(steps, await open()));
  await fc.assert(property, { seed: SEED, numRuns: RUNS * FACTOR, interruptAfterTimeLimit: 30_000 * FACTOR });
});
