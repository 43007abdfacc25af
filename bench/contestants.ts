/** Who takes part. Each server is one small file in contestants/; what is not on this machine is a line in the report. */
import type { RuntimeName } from './runtimes.js';
import type { BinaryName } from './toolchain.js';

/** What a server does with its input. */
export type Protocol =
  /** Sends back what it gets. */
  | 'echo'
  /** Sends back each line, with a write of its own. */
  | 'lines'
  /** As 'lines', but a line that begins with a blank goes to every connection. */
  | 'broadcast'
  /** A small Redis store, a write for each reply. */
  | 'resp'
  /** HTTP/1.1, `Hello, World!` for GET /. */
  | 'http'
  /** As 'lines', with orders about idle timers. */
  | 'timers'
  /** No server: a program that prints figures; see programs.ts. */
  | 'program';

export type EngineName = 'native' | 'node';

/** How the server of a contestant is started. */
export type Launch =
  /** contestants/NAME.ts, by this node or by another runtime */
  | { readonly script: string; readonly args?: readonly string[]; readonly engine?: EngineName; readonly runtime?: RuntimeName }
  /** examples/run.ts NAME */
  | { readonly example: string; readonly engine: EngineName; readonly runtime?: RuntimeName }
  /** a compiled program of this bench */
  | { readonly binary: BinaryName; readonly args?: readonly string[]; readonly runtime?: RuntimeName }
  /** redis-server from the path */
  | { readonly redis: true };

/** Whether Node runs it, of whatever version, so that it takes Node's options. */
export function isNode(launch: Launch): boolean {
  if ('binary' in launch || 'redis' in launch) return false;
  return launch.runtime === undefined || launch.runtime.startsWith('node-');
}

export interface Contestant {
  readonly id: string;
  readonly title: string;
  /** What it runs on, where that is not the node of this run. */
  readonly runtime?: RuntimeName;
  readonly servers: Readonly<Partial<Record<Protocol, Launch>>>;
}

function netmux(engine: EngineName, runtime?: RuntimeName): Contestant['servers'] {
  const on = { engine, ...(runtime === undefined ? {} : { runtime }) };
  return {
    echo: { script: 'netmux-echo', ...on },
    lines: { script: 'netmux-lines', ...on },
    broadcast: { script: 'netmux-broadcast', ...on },
    resp: { example: 'resp', ...on },
    http: { example: 'http-hello', ...on },
    timers: { script: 'netmux-timers', ...on },
  };
}

function net(runtime?: RuntimeName): Contestant['servers'] {
  const on = runtime === undefined ? {} : { runtime };
  return {
    echo: { script: 'net-echo', ...on },
    lines: { script: 'net-lines', ...on },
    broadcast: { script: 'net-broadcast', ...on },
    resp: { script: 'net-resp', ...on },
    http: { script: 'node-http', ...on },
    timers: { script: 'net-timers', ...on },
  };
}

const EPOLL: Contestant['servers'] = {
  echo: { binary: 'epoll-echo' },
  lines: { binary: 'epoll-lines' },
  broadcast: { binary: 'epoll-broadcast' },
};

const BUN: Contestant['servers'] = {
  echo: { script: 'bun-echo', runtime: 'bun' },
  lines: { script: 'bun-lines', runtime: 'bun' },
  http: { script: 'bun-http', runtime: 'bun' },
};

const REDIS: Contestant['servers'] = { resp: { redis: true } };

export const CONTESTANTS: readonly Contestant[] = [
  { id: 'netmux-native', title: 'netmux, native engine', servers: netmux('native') },
  { id: 'netmux-native-again', title: 'netmux, native engine, once more', servers: netmux('native') },
  { id: 'netmux-newest', title: 'netmux, native engine, Node', runtime: 'node-newest', servers: netmux('native', 'node-newest') },
  {
    id: 'netmux-busy',
    title: 'netmux, native engine, busy polling',
    servers: { echo: { script: 'netmux-echo', args: ['--busy-poll'], engine: 'native' } },
  },
  { id: 'netmux-node', title: 'netmux, node engine', servers: netmux('node') },
  {
    id: 'netmux-server',
    title: 'netmux, MultiplexServer',
    servers: { echo: { script: 'server-echo', engine: 'native' } },
  },
  { id: 'net', title: 'node:net, idiomatic', servers: net() },
  // Many small writes are where Nagle's algorithm, which node:net leaves on, helps it or stalls it, depending on the client.
  {
    id: 'net-no-delay',
    title: 'node:net, noDelay',
    servers: { lines: { script: 'net-lines', args: ['--no-delay'] }, resp: { script: 'net-resp', args: ['--no-delay'] } },
  },
  {
    id: 'net-tuned',
    title: 'node:net, tuned',
    servers: { echo: { script: 'net-echo-tuned' }, lines: { script: 'net-lines-cork' }, timers: { script: 'net-timers-refresh' } },
  },
  { id: 'net-24', title: 'node:net, Node', runtime: 'node-24', servers: net('node-24') },
  { id: 'net-newest', title: 'node:net, Node', runtime: 'node-newest', servers: net('node-newest') },
  { id: 'bun', title: 'Bun', runtime: 'bun', servers: BUN },
  { id: 'bun-again', title: 'Bun, once more', runtime: 'bun', servers: BUN },
  {
    id: 'deno',
    title: 'Deno',
    runtime: 'deno',
    servers: {
      echo: { script: 'deno-echo', runtime: 'deno' },
      lines: { script: 'deno-lines', runtime: 'deno' },
      http: { script: 'deno-http', runtime: 'deno' },
    },
  },
  {
    id: 'go',
    title: 'Go',
    runtime: 'go',
    servers: {
      echo: { binary: 'go-server', args: ['echo'], runtime: 'go' },
      lines: { binary: 'go-server', args: ['lines'], runtime: 'go' },
      http: { binary: 'go-server', args: ['http'], runtime: 'go' },
    },
  },
  { id: 'epoll', title: 'C epoll', servers: EPOLL },
  // What two identical contestants differ by in the same run is the noise that every other ratio has, too.
  { id: 'epoll-again', title: 'C epoll, once more', servers: EPOLL },
  { id: 'epoll-batch', title: 'C epoll, in batches', servers: { echo: { binary: 'epoll-batch' } } },
  { id: 'redis', title: 'redis-server', servers: REDIS },
  { id: 'redis-again', title: 'redis-server, once more', servers: REDIS },
  { id: 'import', title: "import 'netmux'", servers: { program: { script: 'import-time' } } },
  { id: 'wheel', title: "netmux, the native engine's wheel", servers: { program: { binary: 'wheel-million' } } },
  { id: 'node-timers', title: 'node, setTimeout', servers: { program: { script: 'node-timers-million' } } },
];

export function contestant(id: string): Contestant {
  const found = CONTESTANTS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no contestant ${id}`);
  return found;
}
