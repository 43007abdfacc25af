/**
 * Opens very many connections to one netmux process, weighs it, and lets each of them speak once more. A program of its own: it
 * runs inside the virtual machine as well as without one. Arguments: the number of connections, and of bytes of a message.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadGenerator, type LoadResult, Refusal } from '../load-generator.js';
import { readDescriptorLimit, readMemory } from '../process-figures.js';
import { findRuntimes } from '../runtimes.js';
import { ServerProcess } from '../server-process.js';
import { buildBinaries } from '../toolchain.js';
import { type Level, type Measurement, RESERVED_DESCRIPTORS, RESULT_MARK } from './result.js';

/** Of one load generator. Several of them show how far the work is, and one that fails does not take the others' connections along. */
const GROUP_CONNECTIONS = 20_000;

/** A server under emulation, on a busy machine, may be still for as long while it collects garbage or a table grows. */
const STALL_MS = 120_000;

/** Time for a server to do what it puts off, such as collecting garbage on another thread. */
const SETTLE_MS = 3000;

interface Group {
  readonly generator: LoadGenerator;
  readonly connections: number;
}

function kernelBytes(file: string, name: string): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'latin1'))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}

function readSockets(): number {
  return Number(/^TCP: inuse (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'latin1'))?.[1] ?? 0);
}

function weigh(server: ServerProcess): Level {
  return {
    server: readMemory(server.pid),
    kernelSlab: kernelBytes('/proc/meminfo', 'Slab'),
    available: kernelBytes('/proc/meminfo', 'MemAvailable'),
  };
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function secondsSince(begin: number): number {
  return (performance.now() - begin) / 1000;
}

class Crowd {
  readonly #groups: Group[] = [];
  #size = 0;
  /** Why no more could be opened. */
  failure: string | undefined;

  constructor(
    private readonly program: string,
    private readonly port: number,
    private readonly messageBytes: number,
  ) {}

  get size(): number {
    return this.#size;
  }

  /** Opens connections until there are `total`, or until no more can be had. */
  async grow(total: number, progress: (size: number) => void): Promise<void> {
    const most = Math.min(GROUP_CONNECTIONS, readDescriptorLimit() - RESERVED_DESCRIPTORS);
    while (this.#size < total && this.failure === undefined) {
      const connections = Math.min(most, total - this.#size);
      const generator = LoadGenerator.start(
        this.program,
        {
          port: this.port,
          mode: 'idle',
          framing: 'raw',
          size: this.messageBytes,
          connections,
          stallMs: STALL_MS,
          // Bytes of its own for each group: an answer that belongs to a client of another one is wrong, too.
          seed: this.#groups.length + 1,
        },
        undefined,
      );
      try {
        await generator.reach('held');
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.failure = error.message;
        generator.stop();
        return;
      }
      this.#groups.push({ generator, connections });
      this.#size += connections;
      progress(this.#size);
    }
  }

  /** One message on each connection, group by group; all stay open. Returns how many answered, and what was wrong. */
  async ping(progress: (answered: number) => void): Promise<{ answered: number; faults: string[] }> {
    let answered = 0;
    const faults: string[] = [];
    for (const { generator } of this.#groups) {
      generator.proceed();
      try {
        const result: LoadResult = await generator.result();
        answered += result.messages;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        faults.push(error.message);
      }
      progress(answered);
    }
    return { answered, faults };
  }

  disperse(): void {
    for (const { generator } of this.#groups) generator.stop();
  }
}

/** Prints the result before the connections are closed: a million resets take minutes under emulation, and nobody needs them. */
async function measure(asked: number, messageBytes: number): Promise<void> {
  const binaries = buildBinaries();
  if (typeof binaries === 'string') throw new Error(binaries);
  console.log('starting the server');
  const cores = { server: undefined, load: undefined };
  const server = await ServerProcess.start({ script: 'netmux-echo', engine: 'native' }, { binaries, runtimes: findRuntimes(), cores });
  const crowd = new Crowd(binaries.load, server.port, messageBytes);
  try {
    await sleep(SETTLE_MS);
    const before = weigh(server);
    const opening = performance.now();
    await crowd.grow(asked, (size) => console.log(`${count(size)} connections open`));
    const openSeconds = secondsSince(opening);
    if (crowd.failure !== undefined) console.log(`no more than ${count(crowd.size)}: ${crowd.failure}`);
    await sleep(SETTLE_MS);
    server.assertRunning();
    const open = weigh(server);
    const sockets = readSockets();
    const pinging = performance.now();
    const { answered, faults } = await crowd.ping((number) => console.log(`${count(number)} pings answered`));
    const pingSeconds = secondsSince(pinging);
    await sleep(SETTLE_MS);
    server.assertRunning();
    const pinged = weigh(server);
    const surroundings = { kernel: release(), node: process.version, processors: availableParallelism(), memoryBytes: totalmem() };
    const measurement: Measurement = {
      surroundings,
      asked,
      connections: crowd.size,
      ...(crowd.failure === undefined ? {} : { failure: crowd.failure }),
      sockets,
      openSeconds,
      messageBytes,
      answered,
      pingSeconds,
      faults,
      before,
      open,
      pinged,
    };
    console.log(RESULT_MARK + JSON.stringify(measurement));
  } finally {
    crowd.disperse();
    await server.stop();
  }
}

const [asked, messageBytes] = process.argv.slice(2).map(Number);
await measure(asked!, messageBytes!);
