import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ListenOptions } from '../mux/listen-options.js';
import { type BindSpec, type IpFamily, PROTOCOLS, type Protocol, portText, socketKey } from './bind-spec.js';
import { isUnix } from './port-grammar.js';
import { badPort, noNumber, type PortSpec } from './ports.js';
import { readServices, servicePort } from './services.js';

/** What the meaning of a port depends on. Tests fix it; a server takes `thisMachine`. */
export interface Machine {
  /** `NO_IPV6` leaves IPv4 only. */
  readonly environment: NodeJS.ProcessEnv;
  readonly hasIPv6: boolean;
  /** The kernel's `net.ipv6.bindv6only`: `[::]` does not serve IPv4. */
  readonly bindv6only: boolean;
  /** All addresses of a name in the resolver's order. @throws as `dns.lookup` */
  lookup(host: string, family: 0 | 4 | 6): Promise<readonly { readonly address: string; readonly family: number }[]>;
  /** In the form of `/etc/services`. */
  services(): string;
}

export const thisMachine: Machine = {
  environment: process.env,
  get hasIPv6() {
    // Linux without IPv6 has no such file; where /proc cannot be seen nothing is known.
    return !existsSync('/proc/net') || existsSync('/proc/net/if_inet6');
  },
  get bindv6only() {
    try {
      return readFileSync('/proc/sys/net/ipv6/bindv6only', 'utf8').trim() === '1';
    } catch {
      return false;
    }
  },
  lookup: (host, family) => lookup(host, { all: true, family, verbatim: true }),
  services: readServices,
};

type Log = (level: number, text: string) => void;

const NOTICE = 2;

/**
 * Finds out what configured ports mean here: names of services become numbers, `*` and names become addresses unless their family
 * was configured, and what would be bound twice is left out. Each of these is logged in the words of the original.
 *
 * @throws NetmuxError `NETMUX_BAD_PORT`
 */
export async function resolvePorts(specs: readonly PortSpec[], log: Log, machine: Machine = thisMachine): Promise<BindSpec[]> {
  const found: BindSpec[] = [];
  const keys = new Set<string>();
  for (const spec of specs) {
    for (const socket of await socketsOf(spec, log, machine)) {
      const key = socketKey(socket);
      // Of port 0 there may be many: each gets a number of its own.
      if (keys.has(key) && !isPortZero(socket)) {
        log(
          NOTICE,
          `Duplicate configuration (${socket.proto.toUpperCase()}) on [${socket.host}]:${portText(socket)} with IPv${socket.ipv}) - skipping`,
        );
        continue;
      }
      keys.add(key);
      found.push(socket);
    }
  }
  return found.map((socket) => (leavesIPv4To(found, socket) ? { ...socket, ipv6Only: true } : socket));
}

/**
 * Finds what is wrong with ports before anything is done: what can be known without asking a name server.
 * @throws NetmuxError `NETMUX_BAD_PORT`
 */
export function checkPorts(specs: readonly PortSpec[], machine: Machine = thisMachine): void {
  for (const spec of specs) {
    refuseTls(spec);
    if (isUnix(spec.proto)) continue;
    protocol(spec);
    portNumber(spec, machine);
  }
}

/**
 * What `mux.listen` is to be asked. A name whose family was configured is looked up only now, as in the original.
 *
 * @throws what the resolver says (ENOTFOUND …)
 */
export async function listenOptionsOf(spec: BindSpec, machine: Machine = thisMachine): Promise<ListenOptions> {
  const { backlog, noDelay, keepAlive, reusePort, broadcast, mode } = spec.socket;
  const shared = defined({ backlog, noDelay, keepAlive });
  if (spec.proto === 'unix' || spec.proto === 'unixdgram') {
    return { path: spec.path!.replace(/^@/, '\0'), proto: spec.proto, ...shared, ...defined({ mode }) };
  }
  const host = await addressOf(spec, machine);
  return { port: spec.port, host, proto: spec.proto, ...shared, ...defined({ reusePort, broadcast, ipv6Only: spec.ipv6Only }) };
}

async function socketsOf(spec: PortSpec, log: Log, machine: Machine): Promise<BindSpec[]> {
  refuseTls(spec);
  const { host, socket } = spec;
  if (isUnix(spec.proto)) return [{ proto: spec.proto as Protocol, host: '*', ipv: '*', port: 0, path: spec.port, socket }];
  const port = portNumber(spec, machine);
  if (spec.ipv !== '*') {
    const service = String(port) === spec.port ? {} : { service: spec.port };
    return [{ proto: protocol(spec), host, ipv: spec.ipv, port, ...service, socket }];
  }
  const addresses = await addressesOf(spec, machine);
  const covers = !machine.bindv6only && addresses.some(({ address }) => address === '::');
  const kept: HostAddress[] = [];
  for (const { address, family } of addresses) {
    if (covers && address === '0.0.0.0') {
      log(NOTICE, 'Not including resolved host [0.0.0.0] IPv4 because it will be handled by [::] IPv6');
      continue;
    }
    const isNews = address !== host || String(port) !== spec.port;
    if (isNews) log(NOTICE, `Resolved [${host}]:${spec.port} to [${address}]:${port}, IPv${family}`);
    kept.push({ address, family });
  }
  const proto = protocol(spec);
  return kept.map(({ address, family }) => ({ proto, host: address, ipv: family, port, socket }));
}

function refuseTls({ proto, port }: PortSpec): void {
  if (/^ssl(?:eay)?$/.test(proto))
    throw badPort(`option proto: there is no TLS yet, so ${proto} is refused; end it in a proxy before port ${port}`);
}

function protocol(spec: PortSpec): Protocol {
  const known = PROTOCOLS.find((proto) => proto === spec.proto);
  if (known === undefined) throw badPort(`Unable to load module for proto "${spec.proto}": known are ${PROTOCOLS.join(', ')}`);
  return known;
}

function portNumber(spec: PortSpec, machine: Machine): number {
  if (/^\d+$/.test(spec.port)) return Number(spec.port);
  const table = /^[\w-]+$/.test(spec.port) ? machine.services() : undefined;
  if (table === '') throw noNumber(spec.host, spec.port, 'this machine has no /etc/services');
  const port = table === undefined ? undefined : servicePort(table, spec.port, spec.proto === 'udp' ? 'udp' : 'tcp');
  if (port === undefined) throw noNumber(spec.host, spec.port);
  return port;
}

interface HostAddress {
  readonly address: string;
  readonly family: Exclude<IpFamily, '*'>;
}

const ALL: readonly HostAddress[] = [
  { address: '::', family: '6' },
  { address: '0.0.0.0', family: '4' },
];

/** Where a port of either family is to be bound. */
async function addressesOf(spec: PortSpec, machine: Machine): Promise<readonly HostAddress[]> {
  const family = isIP(spec.host);
  if (family !== 0) return [{ address: spec.host, family: family === 6 ? '6' : '4' }];
  const ipv4Only = isTrue(machine.environment.NO_IPV6) || !machine.hasIPv6;
  if (spec.host === '*') return ALL.filter((address) => !ipv4Only || address.family === '4');
  try {
    const found = await machine.lookup(spec.host, ipv4Only ? 4 : 0);
    return found.map(({ address, family: number }) => ({ address, family: number === 6 ? '6' : '4' }));
  } catch (error) {
    throw badPort(`Unresolveable [${spec.host}]:${spec.port}: ${resolverText(error as NodeJS.ErrnoException)}`, error);
  }
}

async function addressOf(spec: BindSpec, machine: Machine): Promise<string> {
  if (spec.host === '*') return spec.ipv === '4' ? '0.0.0.0' : '::';
  if (isIP(spec.host) !== 0) return spec.host;
  const [first] = await machine.lookup(spec.host, spec.ipv === '4' ? 4 : 6);
  return first?.address ?? spec.host;
}

/** Linux does not bind 0.0.0.0 beside a `[::]` that serves IPv4; where both are configured each is to have its own. */
function leavesIPv4To(sockets: readonly BindSpec[], socket: BindSpec): boolean {
  return (
    isWildcard(socket, '6') && sockets.some((other) => isWildcard(other, '4') && other.port === socket.port && other.proto === socket.proto)
  );
}

function isWildcard({ host, ipv }: BindSpec, family: '4' | '6'): boolean {
  return ipv === family && (host === '*' || host === (family === '4' ? '0.0.0.0' : '::'));
}

function isPortZero(socket: BindSpec): boolean {
  return socket.path === undefined && socket.port === 0;
}

/** As Perl sees truth. */
function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

/** The resolver's words for the two failures that Node has codes for only. */
function resolverText(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOTFOUND') return 'Name or service not known';
  if (error.code === 'EAI_AGAIN') return 'Temporary failure in name resolution';
  return error.message;
}

/** Without what is undefined: `mux.listen` tells a missing option from one without a value. */
function defined<Options extends object>(options: Options): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
