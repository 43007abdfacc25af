/** What a run with very many connections hands out: the content of bench/results/million-N.json. */
import type { Machine } from '../machine.js';
import type { Memory } from '../process-figures.js';

/** Rises when a reader of older files would misunderstand them. */
export const MILLION_FORMAT = 1;

/** In front of the line of JSON with which a measurement ends. */
export const RESULT_MARK = 'million-result ';

/** Descriptors that a process has besides its connections. */
export const RESERVED_DESCRIPTORS = 200;

/** Memory at one moment, in bytes. */
export interface Level {
  /** Of the server process, in user space. */
  readonly server: Memory;
  /** What the kernel holds in its object caches: of both ends of each connection, and all else that it keeps. */
  readonly kernelSlab: number;
  readonly available: number;
}

/** Where it ran, as seen from inside. */
export interface Surroundings {
  readonly kernel: string;
  readonly node: string;
  readonly processors: number;
  readonly memoryBytes: number;
}

export interface Measurement {
  readonly surroundings: Surroundings;
  /** Connections that were asked for. */
  readonly asked: number;
  /** Open at the same time, to one process, each after one message there and back. */
  readonly connections: number;
  /** Why there are fewer than were asked for. */
  readonly failure?: string;
  /** TCP sockets that the kernel counted while all were open: two for each connection. */
  readonly sockets: number;
  readonly openSeconds: number;
  readonly messageBytes: number;
  /** Connections that answered a ping, each byte of it, while all were open. */
  readonly answered: number;
  readonly pingSeconds: number;
  /** What was wrong with the answers; empty = nothing. */
  readonly faults: readonly string[];
  readonly before: Level;
  readonly open: Level;
  readonly pinged: Level;
}

export interface MillionResult extends Measurement {
  readonly format: typeof MILLION_FORMAT;
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** The last commit that changed what was measured: src/ and native/. */
  readonly sources?: string;
  /** How the virtual machine was made; absent when there was none. */
  readonly emulator?: string;
}

export function bytesEach(result: Measurement, moment: 'open' | 'pinged', what: keyof Memory): number {
  return (result[moment].server[what] - result.before.server[what]) / result.connections;
}

export function kernelBytesEach(result: Measurement): number {
  return (result.open.kernelSlab - result.before.kernelSlab) / result.connections;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** What it came to, for people. */
export function resultLines(result: MillionResult): string[] {
  const { connections, asked, failure, answered, before, open, machine, surroundings } = result;
  const mebibytes = (bytes: number): string => `${count(bytes / 2 ** 20)} MiB`;
  const place = result.emulator === undefined ? 'without a virtual machine' : `in a virtual machine, ${result.emulator}`;
  const reached =
    connections === asked
      ? `${count(connections)} connections open at once to one netmux process`
      : `only ${count(connections)} of ${count(asked)} connections were reached: ${failure ?? 'for no known reason'}`;
  if (connections === 0) return [reached];
  const [resident, proportional, anonymous] = (['resident', 'proportional', 'anonymous'] as const).map((what) =>
    count(bytesEach(result, 'open', what)),
  );
  return [
    reached,
    `  opened in ${count(result.openSeconds)} s, each with one ${result.messageBytes}-byte message there and back; the kernel counts ${count(result.sockets)} TCP sockets`,
    `  ${count(answered)} of ${count(connections)} answered a ping of ${result.messageBytes} bytes while all were open, every byte compared, in ${count(result.pingSeconds)} s`,
    ...result.faults.map((fault) => `  WRONG: ${fault}`),
    `  memory of the server in user space: ${resident} bytes a connection resident (${proportional} proportional, ${anonymous} anonymous; from ${mebibytes(before.server.resident)} to ${mebibytes(open.server.resident)}), ${count(bytesEach(result, 'pinged', 'resident'))} after the pings`,
    `  kernel memory: ${count(kernelBytesEach(result))} bytes a connection for both ends of it (slab)`,
    `  ${machine.processor}, ${machine.processors} processors, ${machine.system} ${machine.kernel}; netmux ${result.sources ?? 'without a commit'}`,
    `  ${place}: Linux ${surroundings.kernel}, node ${surroundings.node}, ${surroundings.processors} processors, ${mebibytes(surroundings.memoryBytes)}, ${mebibytes(open.available)} of it left with all open`,
  ];
}
