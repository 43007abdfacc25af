import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { type EngineFound, findEngine } from '../server/engine-found.js';

/** What limits the connections of a process on this machine. What could not be found out, or does not exist there, is undefined. */
export interface Machine {
  readonly platform: string;
  readonly kernel: string;
  readonly arch: string;
  readonly node: string;
  readonly engine: EngineFound;
  /** Descriptors that this process, and a server started as it was, may have. */
  readonly descriptors?: number | undefined;
  /** To what that can be raised, by whoever may. */
  readonly mostDescriptors?: number | undefined;
  /** Descriptors of all processes together. */
  readonly openFiles?: { readonly most: number; readonly used: number } | undefined;
  /** Bytes that can be had without swapping or ending other processes; in a container those of the container. */
  readonly memory: number;
  /** Length of accept queues. */
  readonly backlog?: number | undefined;
  readonly synBacklog?: number | undefined;
  readonly hasSynCookies?: boolean | undefined;
  /** Ports of outgoing connections. */
  readonly localPorts?: { readonly first: number; readonly last: number } | undefined;
  /** Pages for the data of all TCP connections together. */
  readonly tcpPages?: number | undefined;
  readonly conntrack?: { readonly most: number; readonly used: number } | undefined;
  readonly clock?: string | undefined;
  /** Memory that is reserved counts as used. */
  readonly isCommitStrict?: boolean | undefined;
}

/** What the kernel says about one of its parameters; undefined where it has no such one, or does not show it. */
type Sysctl = (name: string) => string | undefined;

/**
 * @throws NetmuxTypeError if NETMUX_ENGINE has no engine's name
 */
export function readMachine(): Machine {
  return {
    platform: process.platform,
    kernel: release(),
    arch: arch(),
    node: process.versions.node,
    engine: findEngine(),
    descriptors: hardLimit(),
    memory: process.availableMemory(),
    ...(process.platform === 'darwin' ? ofMacOs(sysctlOfMacOs) : ofLinux(readProc)),
  };
}

/** @param sysctl gets names such as `net.core.somaxconn` */
export function ofLinux(sysctl: Sysctl): Partial<Machine> {
  const [used] = numbers(sysctl('fs.file-nr'));
  const [most] = numbers(sysctl('fs.file-max'));
  const [first, last] = numbers(sysctl('net.ipv4.ip_local_port_range'));
  const [tracked] = numbers(sysctl('net.netfilter.nf_conntrack_count'));
  const [mostTracked] = numbers(sysctl('net.netfilter.nf_conntrack_max'));
  const cookies = sysctl('net.ipv4.tcp_syncookies');
  const overcommit = sysctl('vm.overcommit_memory');
  return {
    mostDescriptors: numbers(sysctl('fs.nr_open'))[0],
    openFiles: most === undefined ? undefined : { most, used: used ?? 0 },
    backlog: numbers(sysctl('net.core.somaxconn'))[0],
    synBacklog: numbers(sysctl('net.ipv4.tcp_max_syn_backlog'))[0],
    hasSynCookies: cookies === undefined ? undefined : cookies !== '0',
    localPorts: first === undefined || last === undefined ? undefined : { first, last },
    tcpPages: numbers(sysctl('net.ipv4.tcp_mem'))[2],
    conntrack: mostTracked === undefined ? undefined : { most: mostTracked, used: tracked ?? 0 },
    clock: textIn('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    isCommitStrict: overcommit === undefined ? undefined : overcommit === '2',
  };
}

/** @param sysctl gets names such as `kern.maxfiles` */
export function ofMacOs(sysctl: Sysctl): Partial<Machine> {
  const [most] = numbers(sysctl('kern.maxfiles'));
  const [first] = numbers(sysctl('net.inet.ip.portrange.first'));
  const [last] = numbers(sysctl('net.inet.ip.portrange.last'));
  return {
    mostDescriptors: numbers(sysctl('kern.maxfilesperproc'))[0],
    openFiles: most === undefined ? undefined : { most, used: numbers(sysctl('kern.num_files'))[0] ?? 0 },
    backlog: numbers(sysctl('kern.ipc.somaxconn'))[0],
    localPorts: first === undefined || last === undefined ? undefined : { first, last },
  };
}

/** The soft limit is of no interest: Node raises it to the hard one. */
function hardLimit(): number | undefined {
  const text = execFileSync('/bin/sh', ['-c', 'ulimit -H -n'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : numbers(text)[0];
}

function readProc(name: string): string | undefined {
  return textIn(`/proc/sys/${name.replaceAll('.', '/')}`);
}

function sysctlOfMacOs(name: string): string | undefined {
  try {
    return execFileSync('/usr/sbin/sysctl', ['-n', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function numbers(text = ''): number[] {
  return text.split(/\s+/).filter(Boolean).map(Number).filter(Number.isFinite);
}
