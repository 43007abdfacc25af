// What the vectors of the original do not have: repairs, additions, bad input, and the way to a socket that listens.
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type BindSpec,
  bindFailureText,
  bindingText,
  boundSocketEntry,
  boundText,
  parseBoundSockets,
  socketKey,
} from '../../src/server/bind-spec.js';
import { type PortSettings, parsePorts } from '../../src/server/ports.js';
import { listenOptionsOf, type Machine, resolvePorts, thisMachine } from '../../src/server/resolve-ports.js';
import { readServices, servicePort } from '../../src/server/services.js';
import { describeEngines } from '../engines.js';
import { failureOf, openMux, temporaryDirectory } from '../mux/scene.js';
import { machineOf } from './machine.js';

const MAX_PATH = `/${'x'.repeat(106)}`;

async function resolved(settings: PortSettings, machine: Partial<Machine> = {}) {
  const log: string[] = [];
  const sockets = await resolvePorts(parsePorts(settings, {}), (level, text) => log.push(`${level} ${text}`), machineOf(machine));
  return { sockets, log, keys: sockets.map(socketKey) };
}

const keysOf = async (port: PortSettings['port'], rest: Omit<PortSettings, 'port'> = {}) => (await resolved({ port, ...rest })).keys;

describe('a port string', () => {
  it.each([
    // D22: documented by the original, and it did not work.
    ['127.0.0.1/20203', ['127.0.0.1|20203|TCP|ipv4']],
    ['127.0.0.1/20203/udp', ['127.0.0.1|20203|UDP|ipv4']],
    ['localhost/http', ['127.0.0.1|80|TCP|ipv4']],
    ['[::1]/20203', ['::1|20203|TCP|ipv6']],
    ['::1/20203', ['::1|20203|TCP|ipv6']],
    ['/run/chat.sock', ['*|/run/chat.sock|UNIX|*']],
    ['./chat.sock', ['*|./chat.sock|UNIX|*']],
    ['../chat', ['*|../chat|UNIX|*']],
    ['/run/chat|SOCK_DGRAM', ['*|/run/chat|UNIXDGRAM|*']],
    ['/run/chat|Sock_Stream|UNIX', ['*|/run/chat|UNIX|*']],
    ['/run/chat/unixdgram', ['*|/run/chat|UNIXDGRAM|*']],
    ['/run/tcp-and-more/IPv4ish', ['*|/run/tcp-and-more/IPv4ish|UNIX|*']],
    ['chat|unix', ['*|chat|UNIX|*']],
    // D21: blanks behind a value are nothing.
    ['20203  ', ['::|20203|TCP|ipv6']],
    ['127.0.0.1:20203/tcp \t', ['127.0.0.1|20203|TCP|ipv4']],
    // Additions.
    ['@chat', ['*|@chat|UNIX|*']],
    ['@chat|unixdgram', ['*|@chat|UNIXDGRAM|*']],
    ['127.0.0.1:http-alt', ['127.0.0.1|8080|TCP|ipv4']],
    ['[fe80::1%eth0]:20203', ['fe80::1%eth0|20203|TCP|ipv6']],
    // As in the original.
    ['::1:20203', ['::1|20203|TCP|ipv6']],
    ['127.0.0.1:20203/TCP/ipV4', ['127.0.0.1|20203|TCP|ipv4']],
    ['[*]:20203/IPv6', ['*|20203|TCP|ipv6']],
    ['[::1]:20203/IPv4', ['::1|20203|TCP|ipv6']],
    ['127.0.0.1:www', ['127.0.0.1|80|TCP|ipv4']],
    ['127.0.0.1:ntp/udp', ['127.0.0.1|123|UDP|ipv4']],
    ['localhost:http/IPv4', ['localhost|http|TCP|ipv4']],
    ['both.test:20203', ['2001:db8::1|20203|TCP|ipv6', '192.0.2.1|20203|TCP|ipv4']],
    ['127.0.0.1:08080', ['127.0.0.1|8080|TCP|ipv4']],
  ])('%j is understood', async (port, expected) => {
    expect(await keysOf(port)).toEqual(expected);
  });

  it.each([
    ['65536', 'Could not determine port number from host [*]:65536'],
    ['99999999999999999999', 'Could not determine port number from host [*]:99999999999999999999'],
    ['localhost', 'Could not determine port number from host [*]:localhost'],
    ['localhost:', 'Could not determine port number from host [*]:localhost:'],
    ['127.0.0.1:ntp', 'Could not determine port number from host [127.0.0.1]:ntp'],
    ['127.0.0.1:-1', 'Could not determine port number from host [127.0.0.1]:-1'],
    ['1.5', 'Could not determine port number from host [*]:1.5'],
    ['/run/chat/tcp', 'Could not determine port number from host [*]:/run/chat'],
    ['a/b/20203', 'Could not determine host from "a/b"'],
    ['[::1:20203', 'Could not determine host from "[::1"'],
    ['ssl.test:443/ssleay', 'option proto: there is no TLS yet'],
    ['20203/Net::Server::Proto::TCP', 'Unable to load module for proto "Net::Server::Proto::TCP"'],
    ['20203|sock_dgram|tcp', 'option port: sock_dgram is for UNIX sockets'],
    ['/tmp/a;b', 'Insecure filename'],
    ['/tmp/@b', 'Insecure filename'],
    [`${MAX_PATH}x`, 'option port: the path of a UNIX socket has at most 107 bytes'],
    ['no.such.host.invalid:80', 'Unresolveable [no.such.host.invalid]:80: Name or service not known'],
  ])('%j is refused with one line', async (port, text) => {
    const failure = await failureOf(() => resolved({ port }));
    expect(failure.code).toBe('NETMUX_BAD_PORT');
    expect(failure.message).toMatch(/^.+$/);
    expect(failure.message.startsWith(text), failure.message).toBe(true);
  });

  it('may be a path as long as a path can be', async () => {
    expect(await keysOf(MAX_PATH)).toEqual([`*|${MAX_PATH}|UNIX|*`]);
  });
});

describe('a range of ports', () => {
  it('is one socket for each number', async () => {
    expect(await keysOf('127.0.0.1:8000-8002/udp')).toEqual(['8000', '8001', '8002'].map((port) => `127.0.0.1|${port}|UDP|ipv4`));
    expect(await keysOf({ port: '8000-8001', host: '127.0.0.1' })).toEqual(['127.0.0.1|8000|TCP|ipv4', '127.0.0.1|8001|TCP|ipv4']);
    expect(await keysOf('8000-8000/IPv4')).toEqual(['*|8000|TCP|ipv4']);
    expect(await keysOf(['8000-8001/IPv4/IPv6'])).toEqual(['*|8000|TCP|ipv6', '*|8000|TCP|ipv4', '*|8001|TCP|ipv6', '*|8001|TCP|ipv4']);
  });

  it('counts as one entry for the lists of hosts, protocols and families', async () => {
    expect(await keysOf(['8000-8001', 9000], { host: ['127.0.0.1', '127.0.0.2'] })).toEqual([
      '127.0.0.1|8000|TCP|ipv4',
      '127.0.0.1|8001|TCP|ipv4',
      '127.0.0.2|9000|TCP|ipv4',
    ]);
  });

  it.each(['8010-8000', '0-10', '65530-65536', '1-99999999999'])('%s is refused', async (port) => {
    const failure = await failureOf(() => resolved({ port }));
    expect(failure).toMatchObject({ code: 'NETMUX_BAD_PORT', message: expect.stringContaining(`[*]:${port}: a range`) });
  });
});

describe('the options beside the port', () => {
  it('are none where there is no port at all', async () => {
    for (const settings of [{}, { port: [] }]) {
      expect(await failureOf(() => resolved(settings))).toMatchObject({
        code: 'NETMUX_BAD_PORT',
        message: 'No valid socket parameters found',
      });
    }
  });

  it('name the family in order: in the port, in the host, in the protocol, by ipv, by IPV', () => {
    const familyOf = (settings: PortSettings, environment = {}) => parsePorts(settings, environment).map((spec) => spec.ipv);
    const all = { port: 'localhost:1/IPv4', host: 'x/IPv6', proto: 'tcp/IPv6', ipv: '6' };
    expect(familyOf(all, { IPV: '6' })).toEqual(['4']);
    expect(familyOf({ ...all, port: 1, host: 'x/IPv4' }, { IPV: '6' })).toEqual(['4']);
    expect(familyOf({ ...all, port: 1, host: 'x', proto: 'tcp/IPv4' }, { IPV: '6' })).toEqual(['4']);
    expect(familyOf({ port: 1, ipv: '4' }, { IPV: '6' })).toEqual(['4']);
    expect(familyOf({ port: 1 }, { IPV: '4' })).toEqual(['4']);
    expect(familyOf({ port: 1, ipv: ['', '6'] }, { IPV: '4' })).toEqual(['4']);
    expect(familyOf({ port: 1 })).toEqual(['*']);
    expect(familyOf({ port: 1, ipv: '46' })).toEqual(['6', '4']);
    expect(familyOf({ port: 1, ipv: '4' }, { IPV: 'x' })).toEqual(['4']);
  });

  it('are refused where they make no sense', async () => {
    const refusals: [PortSettings, string][] = [
      [{ port: 1, ipv: '5' }, 'option ipv: 4, 6 or *, not "5"'],
      [{ port: 1, host: 'a,b' }, 'Could not determine host from "a,b"'],
      [{ port: 1, proto: 'sctp' }, 'Unable to load module for proto "sctp"'],
      [{ port: 1, proto: 'ssl' }, 'option proto: there is no TLS yet'],
      [{ port: 1, listen: -1 }, 'option listen: '],
      [{ port: 1, listen: 'many' }, 'option listen: '],
      [{ port: '/x', unix_type: 'sock_raw' }, 'option unix_type: '],
      [{ port: '/x', mode: '0888' }, 'option mode: '],
      [{ port: 1, reuse_port: 'maybe' }, 'option reuse_port: '],
      [{ port: [null as never] }, 'option port: '],
      [{ port: [[1] as never] }, 'option port: '],
      [{ port: {} as never }, 'option port: an object needs port'],
      [{ port: { port: 1, host: 5, proto: {} } as never }, 'option port: an object needs proto'],
      [{ port: { port: 1, hots: 'x' } as never }, 'option port: unknown key hots'],
      [{ port: Number.NaN }, 'Could not determine port number from host [*]:NaN'],
      [{ port: -1 }, 'Could not determine port number from host [*]:-1'],
    ];
    for (const [settings, text] of refusals) {
      const failure = await failureOf(() => resolved(settings));
      expect(failure.code, text).toBe('NETMUX_BAD_PORT');
      expect(failure.message.startsWith(text), failure.message).toBe(true);
    }
  });

  it('are defaults for an object, whose own words go first', async () => {
    const { sockets } = await resolved({
      port: [{ port: 1, listen: '7', reuse_port: 1, no_delay: '0' }, { port: 2 }, { port: '/x', mode: '0600' }, { port: '/y' }, '3/udp'],
      host: '127.0.0.1',
      listen: 5,
      mode: 0o640,
      keep_alive: true,
      udp_broadcast: true,
    });
    expect(sockets.map(({ socket }) => socket)).toEqual([
      { backlog: 7, noDelay: false, keepAlive: true, reusePort: true },
      { backlog: 5, keepAlive: true },
      { backlog: 5, keepAlive: true, mode: 0o600 },
      { backlog: 5, keepAlive: true, mode: 0o640 },
      { backlog: 5, broadcast: true },
    ]);
  });

  it('make UNIX sockets of strings and objects', async () => {
    expect(await keysOf([{ port: '/a' }, { port: 'b', proto: 'unix' }, { port: '/c', unix_type: 'SOCK_DGRAM' }])).toEqual([
      '*|/a|UNIX|*',
      '*|b|UNIX|*',
      '*|/c|UNIXDGRAM|*',
    ]);
    expect(await keysOf(['a', '/b'], { proto: 'unixdgram' })).toEqual(['*|a|UNIXDGRAM|*', '*|/b|UNIXDGRAM|*']);
    expect(await keysOf('/b', { proto: 'udp', unix_type: 'sock_dgram' })).toEqual(['*|/b|UNIXDGRAM|*']);
  });
});

describe('ports on this machine', () => {
  it('are IPv4 only where there is no IPv6', async () => {
    expect(await resolved({ port: 5 }, { hasIPv6: false })).toMatchObject({
      keys: ['0.0.0.0|5|TCP|ipv4'],
      log: ['2 Resolved [*]:5 to [0.0.0.0]:5, IPv4'],
    });
    expect(await resolved({ port: 'both.test:5' }, { environment: { NO_IPV6: '1' } })).toMatchObject({
      keys: ['192.0.2.1|5|TCP|ipv4'],
      log: ['2 Resolved [both.test]:5 to [192.0.2.1]:5, IPv4'],
    });
    expect((await resolved({ port: 5 }, { environment: { NO_IPV6: '0' } })).keys).toEqual(['::|5|TCP|ipv6']);
  });

  it('are two sockets where [::] does not serve IPv4', async () => {
    const { sockets, keys, log } = await resolved({ port: 5 }, { bindv6only: true });
    expect(keys).toEqual(['::|5|TCP|ipv6', '0.0.0.0|5|TCP|ipv4']);
    expect(log).toEqual(['2 Resolved [*]:5 to [::]:5, IPv6', '2 Resolved [*]:5 to [0.0.0.0]:5, IPv4']);
    expect(sockets.map(({ ipv6Only }) => ipv6Only)).toEqual([true, undefined]);
  });

  it('share a number as wildcards of two families: the one of IPv6 leaves IPv4 to the other', async () => {
    const only = async (port: PortSettings['port']) => (await resolved({ port })).sockets.map(({ ipv6Only }) => ipv6Only ?? false);
    expect(await only('5/IPv4/IPv6')).toEqual([true, false]);
    expect(await only([5, '5/IPv4'])).toEqual([true, false]);
    expect(await only([5, '6/IPv4'])).toEqual([false, false]);
    expect(await only([5, '5/udp/IPv4'])).toEqual([false, false]);
    expect(await only([5, '127.0.0.1:5'])).toEqual([false, false]);
  });

  it('are bound once, unless they are port 0', async () => {
    const { keys, log } = await resolved({
      port: ['127.0.0.1:5', '127.0.0.1:5/udp', '127.0.0.1:5', '127.0.0.1:0', '127.0.0.1:0', '/x', '/x'],
    });
    expect(keys).toEqual(['127.0.0.1|5|TCP|ipv4', '127.0.0.1|5|UDP|ipv4', '127.0.0.1|0|TCP|ipv4', '127.0.0.1|0|TCP|ipv4', '*|/x|UNIX|*']);
    expect(log).toEqual([
      '2 Duplicate configuration (TCP) on [127.0.0.1]:5 with IPv4) - skipping',
      '2 Duplicate configuration (UNIX) on [*]:/x with IPv*) - skipping',
    ]);
  });

  it('keep names that the resolver fails to look up as the cause', async () => {
    const failing = { lookup: () => Promise.reject(Object.assign(new Error('later'), { code: 'EAI_AGAIN' })) };
    expect(await failureOf(() => resolved({ port: 'a.test:5' }, failing))).toMatchObject({
      message: 'Unresolveable [a.test]:5: Temporary failure in name resolution',
      cause: { code: 'EAI_AGAIN' },
    });
  });

  it('say so if there is no table of services', async () => {
    const failure = await failureOf(() => resolved({ port: '127.0.0.1:http' }, { services: () => '' }));
    expect(failure.message).toBe('Could not determine port number from host [127.0.0.1]:http: this machine has no /etc/services');
  });
});

describe('the table of services', () => {
  const table = 'http 80/tcp www # web\nhttp 80/udp\n# ftp 21/tcp\n\nbroken\nodd x/tcp\ntabbed\t\t7/tcp\techo2';

  it('has names and aliases for each protocol', () => {
    expect(servicePort(table, 'http', 'udp')).toBe(80);
    expect(servicePort(table, 'www', 'tcp')).toBe(80);
    expect(servicePort(table, 'echo2', 'tcp')).toBe(7);
  });

  it('does not have what is commented out, broken, of another protocol or case', () => {
    for (const name of ['ftp', 'web', 'broken', 'odd', '#', '', 'HTTP', 'http/tcp'])
      expect(servicePort(table, name, 'tcp'), name).toBeUndefined();
    expect(servicePort(table, 'www', 'udp')).toBeUndefined();
  });

  it.skipIf(!existsSync('/etc/services'))('of this machine knows http', () => {
    expect(servicePort(readServices(), 'http', 'tcp')).toBe(80);
  });
});

describe('the texts about a socket', () => {
  const spec = (settings: PortSettings) => resolved(settings).then(({ sockets }) => sockets[0] as BindSpec);

  it('are those of the original', async () => {
    const plain = await spec({ port: '127.0.0.1:5' });
    const zero = await spec({ port: '127.0.0.1:0' });
    const service = await spec({ port: 'localhost:http/IPv4' });
    const unix = await spec({ port: '/tmp/x' });
    const inUse = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', errno: -98 });
    expect([plain, service, unix].map(bindingText)).toEqual([
      'Binding to TCP port 5 on host 127.0.0.1 with IPv4',
      'Binding to TCP port http on host localhost with IPv4',
      'Binding to UNIX socket file "/tmp/x"',
    ]);
    expect([boundText(plain, 5), boundText(zero, 4711), boundText(service, 80), boundText(unix, 0)]).toEqual([
      undefined,
      '  Bound to auto-assigned port 4711',
      '  Bound to service port http(80)',
      undefined,
    ]);
    expect(bindFailureText(plain, new Error('a reason'))).toBe("Can't connect to TCP port 5 on 127.0.0.1 [a reason]");
    expect(bindFailureText(unix, new Error('a reason'))).toBe("Can't connect to UNIX socket at file /tmp/x [a reason]");
    if (process.platform === 'linux') {
      expect(bindFailureText(plain, inUse)).toBe("Can't connect to TCP port 5 on 127.0.0.1 [Address already in use]");
    }
  });

  it('hand sockets on to the program after a restart, which finds its configuration by them', async () => {
    const { sockets } = await resolved({ port: ['127.0.0.1:5', '[::1]:0', 'localhost:http/IPv4', '/tmp/x', '@name|unixdgram'] });
    const ports = [5, 4711, 80, 0, 0];
    const entries = sockets.map((socket, index) => boundSocketEntry(10 + index, socket, ports[index]!));
    expect(entries).toEqual([
      '10|127.0.0.1|5|TCP|ipv4',
      '11|::1|4711|TCP|ipv6|0',
      '12|localhost|80|TCP|ipv4|http',
      '13|*|/tmp/x|UNIX|*',
      '14|*|@name|UNIXDGRAM|*',
    ]);
    const inherited = parseBoundSockets(entries.join('; '));
    expect(inherited.map(({ key }) => key)).toEqual(sockets.map(socketKey));
    expect(inherited.map(({ fd }) => fd)).toEqual([10, 11, 12, 13, 14]);
    expect(inherited.map(({ port }) => port)).toEqual(['5', '4711', '80', '/tmp/x', '@name']);
  });

  it('are no entries where they are anything else', () => {
    expect(parseBoundSockets('')).toEqual([]);
    expect(parseBoundSockets('; x|127.0.0.1|5|TCP|ipv4; 3|127.0.0.1|5|TCP; -1|a|b|c|d; 3|a|b|c|d|e|f; 99999999999|a|b|c|d')).toEqual([]);
  });
});

describeEngines('a configured port', (engine) => {
  async function listen(settings: PortSettings) {
    const mux = openMux(engine);
    const specs = await resolvePorts(parsePorts(settings, {}), () => {});
    return Promise.all(specs.map(async (spec) => mux.listen(await listenOptionsOf(spec)).ready));
  }

  const reaches = (options: { host?: string; port?: number; path?: string }) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(options as { path: string });
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });

  async function freePort(): Promise<number> {
    const taken = createServer().listen(0);
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    taken.close();
    await once(taken, 'close');
    return port;
  }

  it('listens where it says', async () => {
    const [first, second] = await listen({ port: ['127.0.0.1:0', 'localhost:0/IPv4'] });
    expect(first).toMatchObject({ localAddress: '127.0.0.1' });
    expect(second).toMatchObject({ localAddress: '127.0.0.1' });
    expect(await reaches({ host: '127.0.0.1', port: first!.localPort! })).toBe(true);
  });

  it.skipIf(!thisMachine.hasIPv6 || thisMachine.bindv6only)('serves both families by one socket if its host is *', async () => {
    const listeners = await listen({ port: 0 });
    expect(listeners).toHaveLength(1);
    expect(await reaches({ host: '127.0.0.1', port: listeners[0]!.localPort! })).toBe(true);
    expect(await reaches({ host: '::1', port: listeners[0]!.localPort! })).toBe(true);
  });

  it.skipIf(!thisMachine.hasIPv6)('may be bound for each family by itself', async () => {
    const port = await freePort();
    const listeners = await listen({ port: `${port}/IPv4/IPv6` });
    expect(listeners.map(({ localAddress, localPort }) => [localAddress, localPort])).toEqual([
      ['::', port],
      ['0.0.0.0', port],
    ]);
  });

  it('may be a path, with a mode', async () => {
    const path = join(temporaryDirectory(), 'chat.sock');
    await listen({ port: path, mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await reaches({ path })).toBe(true);
  });

  it.skipIf(process.platform !== 'linux')('may be an abstract name', async () => {
    const [listener] = await listen({ port: `@netmux-${process.pid}-${engine}` });
    expect(listener!.path).toBe(`\0netmux-${process.pid}-${engine}`);
  });

  it('may be a datagram socket', async () => {
    const [udp] = await listen({ port: '127.0.0.1:0/udp' });
    expect(udp!.localPort).toBeGreaterThan(0);
    if (engine === 'native') {
      const path = join(temporaryDirectory(), 'datagrams');
      await listen({ port: `${path}|SOCK_DGRAM` });
      expect(statSync(path).isSocket()).toBe(true);
    }
  });
});
