/** Who takes part. Each server is one small file in contestants/; what is not on this machine is a line in the report. */
import type { BinaryName } from './toolchain.js';

/** What a server does with its input. */
export type Protocol =
  /** Sends back what it gets. */
  | 'echo'
  /** Sends back each line, with a write of its own. */
  | 'lines'
  /** A small Redis store, a write for each reply. */
  | 'resp'
  /** As 'lines', with orders about idle timers. */
  | 'timers';

export type EngineName = 'native' | 'node';

/** How the server of a contestant is started. */
export type Launch =
  /** contestants/NAME.ts */
  | { readonly script: string; readonly args?: readonly string[]; readonly engine?: EngineName }
  /** examples/run.ts NAME */
  | { readonly example: string; readonly engine: EngineName }
  /** a C++ program of this bench */
  | { readonly binary: BinaryName }
  /** redis-server from the path */
  | { readonly redis: true };

export interface Contestant {
  readonly id: string;
  readonly title: string;
  readonly servers: Readonly<Partial<Record<Protocol, Launch>>>;
}

function netmux(engine: EngineName): Contestant['servers'] {
  return {
    echo: { script: 'netmux-echo', engine },
    lines: { script: 'netmux-lines', engine },
    resp: { example: 'resp', engine },
    timers: { script: 'netmux-timers', engine },
  };
}

const EPOLL: Contestant['servers'] = { echo: { binary: 'epoll-echo' }, lines: { binary: 'epoll-lines' } };

export const CONTESTANTS: readonly Contestant[] = [
  { id: 'netmux-native', title: 'netmux, native engine', servers: netmux('native') },
  { id: 'netmux-node', title: 'netmux, node engine', servers: netmux('node') },
  {
    id: 'net',
    title: 'node:net, idiomatic',
    servers: {
      echo: { script: 'net-echo' },
      lines: { script: 'net-lines' },
      resp: { script: 'net-resp' },
      timers: { script: 'net-timers' },
    },
  },
  // Many small writes are where Nagle's algorithm, which node:net leaves on, helps it or stalls it, depending on the client.
  {
    id: 'net-no-delay',
    title: 'node:net, noDelay',
    servers: { lines: { script: 'net-lines', args: ['--no-delay'] }, resp: { script: 'net-resp', args: ['--no-delay'] } },
  },
  {
    id: 'net-tuned',
    title: 'node:net, tuned',
    servers: { lines: { script: 'net-lines-cork' }, timers: { script: 'net-timers-refresh' } },
  },
  { id: 'epoll', title: 'C epoll', servers: EPOLL },
  // What two identical contestants differ by in the same run is the noise that every other ratio has, too.
  { id: 'epoll-again', title: 'C epoll, once more', servers: EPOLL },
  { id: 'redis', title: 'redis-server', servers: { resp: { redis: true } } },
];

export function contestant(id: string): Contestant {
  const found = CONTESTANTS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no contestant ${id}`);
  return found;
}
