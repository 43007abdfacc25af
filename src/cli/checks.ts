import { SERVER_OPTIONS } from '../server/options/table.js';
import type { Machine } from './machine.js';

/** One thing about the machine, and what it means for connections. */
export interface Check {
  readonly name: string;
  /** `low`: it carries fewer connections than are wanted; `warning`: it does harm in another way. */
  readonly verdict: 'ok' | 'low' | 'warning';
  /** What was found. */
  readonly found: string;
  /** How many connections of one process it allows; absent where it sets no limit. */
  readonly carries?: number;
  /** What it means. */
  readonly why: string;
  /** What to change, with the lines to type. */
  readonly change?: readonly Change[];
}

export interface Change {
  readonly where: string;
  readonly lines: readonly string[];
}

/** Descriptors that are no connections: Node's own, listeners, log, pid file. */
const RESERVED_DESCRIPTORS = 64;

/** To what Node raises its soft limit at most. */
const MOST_OF_NODE = 2 ** 20;

/**
 * What one quiet connection costs: 3.7 KiB in the kernel (Linux 6.18, a million of them), and what the engine and an object of the
 * application need: measured 105 and 4,351 bytes, with some room for the application's own fields.
 */
const BYTES_PER_CONNECTION = { native: 4_608, node: 8_704 } as const;

/** Clocks that cost a system call, or a slow device, each time they are asked: netmux does that in every turn. */
const SLOW_CLOCKS = ['hpet', 'acpi_pm', 'jiffies', 'refined-jiffies', 'pit'];

/** The first Node with all that netmux needs: `engines` in package.json. */
const OLDEST_NODE = [20, 17] as const;

/** What was found on a machine, for so many connections of one process. */
export function checksOf(machine: Machine, wanted: number): Check[] {
  const checks = [nodeCheck(machine), engineCheck(machine, wanted), descriptorCheck(machine, wanted), filesCheck(machine, wanted)];
  checks.push(memoryCheck(machine, wanted), dataCheck(machine, wanted), conntrackCheck(machine, wanted));
  checks.push(backlogCheck(machine), halfOpenCheck(machine), portCheck(machine), clockCheck(machine), commitCheck(machine));
  return checks.filter((check) => check !== undefined);
}

/** How many connections a machine carries, and the check that says so. */
export function capacityOf(checks: readonly Check[]): { readonly connections: number; readonly limit: string | undefined } {
  let connections = Number.POSITIVE_INFINITY;
  let limit: string | undefined;
  for (const { name, carries } of checks) if (carries !== undefined && carries < connections) [connections, limit] = [carries, name];
  return { connections, limit };
}

function nodeCheck({ node }: Machine): Check {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const change = { change: [{ where: `install Node.js ${OLDEST_NODE.join('.')} or later`, lines: [] }] };
  return {
    name: 'Node.js',
    found: node,
    why: 'older ones than 20.17 lack what netmux needs',
    ...(isOld ? { verdict: 'warning', ...change } : { verdict: 'ok' }),
  };
}

function engineCheck({ engine, platform, arch }: Machine, wanted: number): Check {
  const { name, maxHandles, failure } = engine;
  // The table of the native engine is as large as the descriptor limit, up to a bound of its own.
  const isBound = name === 'node' || maxHandles >= MOST_OF_NODE;
  const room = maxHandles - RESERVED_DESCRIPTORS;
  const change: Change[] = [];
  if (failure !== undefined) {
    const where = `${failure}. In a clone of netmux on ${platform}-${arch}, with a C++17 compiler, then install the file that it makes`;
    change.push({ where, lines: ['npm ci && npm pack'] });
  } else if (name === 'node') {
    change.push({ where: 'NETMUX_ENGINE asks for it; the native engine is there, too', lines: ['unset NETMUX_ENGINE'] });
  }
  if (isBound && room < wanted) {
    change.push({ where: 'one process cannot have more: start several on the same port, with the native engine', lines: ['--reuse_port'] });
  }
  return {
    name: 'engine',
    verdict: isBound && room < wanted ? 'low' : name === 'node' ? 'warning' : 'ok',
    found: name === 'native' ? 'native, the C++ reactor' : 'node, over the sockets of Node.js',
    ...(isBound && { carries: room }),
    why: 'the native engine needs less time for each message, and 4 KiB less for each connection',
    ...(change.length > 0 && { change }),
  };
}

function descriptorCheck({ descriptors, mostDescriptors, platform }: Machine, wanted: number): Check | undefined {
  if (descriptors === undefined) return undefined;
  const carries = Math.min(descriptors, MOST_OF_NODE) - RESERVED_DESCRIPTORS;
  const needed = powerAbove(wanted + RESERVED_DESCRIPTORS);
  const ceiling = platform === 'darwin' ? 'kern.maxfilesperproc' : 'fs.nr_open';
  const known = mostDescriptors === undefined ? '' : `; ${ceiling} ${count(mostDescriptors)}`;
  const base = {
    name: 'descriptors',
    found: `at most ${count(descriptors)} for a process${known}`,
    carries,
    why: 'every connection is one. It is the hard limit that counts: Node raises the soft one to it by itself',
  };
  if (carries >= wanted) return { ...base, verdict: 'ok' };
  const change: Change[] = [];
  if (mostDescriptors !== undefined && mostDescriptors < needed) change.push(sysctlChange(platform, `${ceiling}=${needed}`));
  if (platform === 'darwin') {
    change.push({ where: 'as root, until the next start of the machine', lines: [`launchctl limit maxfiles ${needed} ${needed}`] });
  } else {
    change.push({ where: 'for a systemd service, in the section [Service] of its unit', lines: [`LimitNOFILE=${needed}`] });
    change.push({
      where: 'for all who log in: /etc/security/limits.d/netmux.conf',
      lines: [`* - nofile ${needed}`, `root - nofile ${needed}`],
    });
    change.push({ where: 'for a container', lines: [`docker run --ulimit nofile=${needed} …`] });
  }
  change.push({ where: 'in a shell of root, before the server is started there', lines: [`ulimit -n ${needed}`] });
  return { ...base, verdict: 'low', change };
}

function filesCheck({ openFiles, platform }: Machine, wanted: number): Check | undefined {
  if (openFiles === undefined) return undefined;
  const { most, used } = openFiles;
  const carries = Math.max(0, most - used - RESERVED_DESCRIPTORS);
  const name = platform === 'darwin' ? 'kern.maxfiles' : 'fs.file-max';
  const base = {
    name,
    found: `${count(most)} descriptors for all processes, ${count(used)} in use`,
    carries,
    why: 'beyond it nobody on this machine can open anything',
  };
  if (carries >= wanted) return { ...base, verdict: 'ok' };
  return { ...base, verdict: 'low', change: [sysctlChange(platform, `${name}=${powerAbove(2 * wanted + used)}`)] };
}

function memoryCheck({ memory, engine }: Machine, wanted: number): Check {
  const bytes = BYTES_PER_CONNECTION[engine.name];
  const carries = Math.floor(memory / bytes);
  const base = {
    name: 'memory',
    found: `${bytesText(memory)} to be had`,
    carries,
    why: `a quiet connection needs about ${bytesText(bytes)}, most of it in the kernel; what waits to be sent or read comes on top`,
  };
  if (carries >= wanted) return { ...base, verdict: 'ok' };
  return { ...base, verdict: 'low', change: [{ where: `give it ${bytesText(wanted * bytes)}, or run it on several machines`, lines: [] }] };
}

function dataCheck({ tcpPages }: Machine, wanted: number): Check | undefined {
  if (tcpPages === undefined) return undefined;
  const base = {
    name: 'net.ipv4.tcp_mem',
    found: `${count(tcpPages)} pages for the data of all TCP connections`,
    why: 'a connection with data that waits, in either direction, holds one page at least; when they are used up, the kernel drops data and ends connections. Quiet ones hold none',
  };
  if (tcpPages >= wanted) return { ...base, verdict: 'ok' };
  const most = powerAbove(2 * wanted);
  return { ...base, verdict: 'warning', change: [sysctlChange('linux', `net.ipv4.tcp_mem="${most / 2} ${(most / 4) * 3} ${most}"`)] };
}

function conntrackCheck({ conntrack }: Machine, wanted: number): Check | undefined {
  if (conntrack === undefined) return undefined;
  const { most, used } = conntrack;
  const name = 'net.netfilter.nf_conntrack_max';
  const found = `${count(most)} connections, ${count(used)} tracked`;
  if (used === 0) return { name, verdict: 'ok', found, why: 'the firewall tracks no connections at present' };
  const carries = Math.max(0, most - used);
  const base = { name, found, carries, why: 'the firewall tracks connections; packets of those that it has no room for are dropped' };
  if (carries >= wanted) return { ...base, verdict: 'ok' };
  const without = {
    where: 'or leave the port of the server untracked',
    lines: ['iptables -t raw -A PREROUTING -p tcp --dport PORT -j NOTRACK', 'iptables -t raw -A OUTPUT -p tcp --sport PORT -j NOTRACK'],
  };
  return { ...base, verdict: 'low', change: [sysctlChange('linux', `${name}=${powerAbove(2 * wanted + used)}`), without] };
}

function backlogCheck({ backlog, platform }: Machine): Check | undefined {
  if (backlog === undefined) return undefined;
  const wanted = SERVER_OPTIONS.listen!.default as number;
  const name = platform === 'darwin' ? 'kern.ipc.somaxconn' : 'net.core.somaxconn';
  const base = {
    name,
    found: count(backlog),
    why: `it caps the accept queue, for which a server asks ${count(wanted)} (listen): of a burst of connects what does not fit is tried again, a second later`,
  };
  if (backlog >= wanted) return { ...base, verdict: 'ok' };
  return { ...base, verdict: 'warning', change: [sysctlChange(platform, `${name}=${wanted}`)] };
}

function halfOpenCheck({ synBacklog, hasSynCookies }: Machine): Check | undefined {
  if (synBacklog === undefined || hasSynCookies === undefined) return undefined;
  const wanted = SERVER_OPTIONS.listen!.default as number;
  const base = { name: 'net.ipv4.tcp_max_syn_backlog', found: `${count(synBacklog)}, SYN cookies ${hasSynCookies ? 'on' : 'off'}` };
  if (hasSynCookies) return { ...base, verdict: 'ok', why: 'with SYN cookies it is the accept queue that counts' };
  const why = 'without SYN cookies, of connects that come at once, or of a flood of false ones, no more are remembered';
  if (synBacklog >= wanted) return { ...base, verdict: 'ok', why };
  return {
    ...base,
    verdict: 'warning',
    why,
    change: [sysctlChange('linux', 'net.ipv4.tcp_syncookies=1', `net.ipv4.tcp_max_syn_backlog=${wanted}`)],
  };
}

function portCheck({ localPorts, platform }: Machine): Check | undefined {
  if (localPorts === undefined) return undefined;
  const { first, last } = localPorts;
  const name = platform === 'darwin' ? 'net.inet.ip.portrange' : 'net.ipv4.ip_local_port_range';
  const most = count(Math.max(0, last - first + 1));
  return {
    name,
    verdict: 'ok',
    found: `${first} to ${last}`,
    why: `not for accepted connections: of outgoing ones (mux.connect, a load generator) ${most} can go from one address to one port of another`,
  };
}

function clockCheck({ clock }: Machine): Check | undefined {
  if (clock === undefined) return undefined;
  const base = { name: 'clock', found: clock, why: 'netmux asks for the time in every turn' };
  if (!SLOW_CLOCKS.includes(clock)) return { ...base, verdict: 'ok' };
  const change = [
    { where: 'this clock is slow; if the machine has another one, on the command line of the kernel', lines: ['clocksource=tsc'] },
  ];
  return { ...base, verdict: 'warning', change };
}

function commitCheck({ isCommitStrict }: Machine): Check | undefined {
  if (isCommitStrict !== true) return undefined;
  return {
    name: 'vm.overcommit_memory',
    verdict: 'warning',
    found: '2',
    why: 'memory that is reserved counts as used: netmux and V8 reserve tables that they never fill, and may be refused',
    change: [sysctlChange('linux', 'vm.overcommit_memory=0')],
  };
}

function sysctlChange(platform: string, ...settings: readonly string[]): Change {
  const keeping =
    platform === 'darwin' ? '' : '; to keep it, write what stands behind -w into /etc/sysctl.d/60-netmux.conf, without quotes';
  return { where: `as root${keeping}`, lines: settings.map((setting) => `sysctl -w ${setting}`) };
}

/** Limits are round numbers, with some room. */
function powerAbove(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

function count(number: number): string {
  return number <= Number.MAX_SAFE_INTEGER ? number.toLocaleString('en-US') : 'unlimited';
}

function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${units[power]}`;
}
