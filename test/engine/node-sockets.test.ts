import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeAddress } from '../../src/engine/address.js';
import { type Address, CloseMode, CommandKind, Interest } from '../../src/engine/engine.js';
import { Probe, received, rounds } from './probe.js';

const { EAFNOSUPPORT, ECONNREFUSED, EDESTADDRREQ, EINVAL } = constants.errno;
const LOOPBACK: Address = { family: 4, host: '127.0.0.1', port: 0 };

function path(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'netmux-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}

/** A server of Node's, and the first connection it gets. */
async function nodeServer(where: string | undefined): Promise<{ server: Server; accepted: Promise<Socket> }> {
  const server = createServer({ allowHalfOpen: true });
  const accepted = once(server, 'connection').then(([socket]) => socket as Socket);
  if (where === undefined) server.listen(0, '127.0.0.1');
  else server.listen(where);
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    (await Promise.race([accepted, undefined]))?.destroy();
  });
  return { server, accepted };
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

describe('listening', () => {
  it('announces nothing before Start, then every connection that waited', async () => {
    const probe = new Probe();
    const listener = await probe.engine.listen(LOOPBACK, {});
    const peers = [1, 2, 3].map(() => connect(probe.port(listener), '127.0.0.1'));
    for (const peer of peers) peer.write('early');
    await Promise.all(peers.map((peer) => once(peer, 'connect')));
    await rounds(10);
    expect(probe.log).toEqual([]);
    probe.command(CommandKind.Start, listener);
    await probe.until('Data', 3);
    expect(probe.of('Accept')).toMatchObject([{ a: listener }, { a: listener }, { a: listener }]);
    for (const peer of peers) peer.destroy();
    probe.command(CommandKind.Close, listener, CloseMode.Abort);
    probe.engine.flush();
  });

  it('rejects with the code and the subject where the port is in use', async () => {
    const probe = new Probe();
    const port = probe.port(await probe.listen());
    await expect(probe.engine.listen({ ...LOOPBACK, port }, {})).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'listen',
      address: '127.0.0.1',
      port,
    });
  });

  it('on :: serves IPv4 unless ipv6Only is set', async () => {
    const probe = new Probe();
    const both = await probe.listen({}, { family: 6, host: '::', port: 0 });
    const six = await probe.listen({ ipv6Only: true }, { family: 6, host: '::1', port: 0 });
    const { slot } = await probe.client(both);
    expect(probe.engine.address(slot, 'remote')).toMatchObject({ family: 6, host: '::ffff:127.0.0.1' });
    const refused = connect(probe.port(six), '127.0.0.1');
    await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('knows both addresses of a connection', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const { peer, slot } = await probe.client(listener);
    expect(probe.engine.address(slot, 'local')).toEqual({ family: 4, host: '127.0.0.1', port: probe.port(listener) });
    expect(probe.engine.address(slot, 'remote')).toEqual({ family: 4, host: '127.0.0.1', port: peer.localPort });
    expect(probe.engine.address(listener, 'remote')).toBe(undefined);
  });
});

describe('UNIX sockets', () => {
  const serve = async (probe: Probe, name: string, options = {}) => probe.listen(options, { family: 'unix', path: name });

  it('are listened on, with the mode that was asked for, and their file goes with the listener', async () => {
    const probe = new Probe();
    const name = path('socket');
    const listener = await serve(probe, name, { mode: 0o600 });
    expect(statSync(name).mode & 0o777).toBe(0o600);
    const peer = connect(name);
    peer.end('over a path');
    const { slot } = await probe.until('Accept');
    expect(await probe.untilInput(slot, 11)).toBe('over a path');
    expect(probe.engine.address(slot, 'local')).toEqual({ family: 'unix', path: name });
    expect(probe.engine.address(slot, 'remote')).toBe(undefined);
    peer.destroy();
    probe.command(CommandKind.Close, listener, CloseMode.Abort);
    probe.engine.flush();
    expect(existsSync(name)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('may have an abstract name', async () => {
    const probe = new Probe();
    const name = `\0netmux-${process.pid}-${Math.random()}`;
    const listener = await serve(probe, name, { mode: 0o600 });
    expect(probe.engine.address(listener, 'local')).toEqual({ family: 'unix', path: name });
    const client = probe.engine.connect({ family: 'unix', path: name }, {});
    probe.command(CommandKind.Start, client);
    await probe.until('Accept');
    await probe.until('Connected');
    probe.command(CommandKind.Close, client, CloseMode.Abort);
  });

  it('take the place of a socket that nobody listens on', async () => {
    const name = path('stale');
    const script = `require('net').createServer().listen(${JSON.stringify(name)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(statSync(name).isSocket()).toBe(true);
    const probe = new Probe();
    await serve(probe, name);
    const peer = connect(name);
    await probe.until('Accept');
    peer.destroy();
  });

  it('leave a living socket and a file alone', async () => {
    const probe = new Probe();
    const living = path('living');
    await nodeServer(living);
    await expect(serve(probe, living)).rejects.toMatchObject({ code: 'EADDRINUSE', address: living });
    const file = path('file');
    writeFileSync(file, 'precious');
    await expect(serve(probe, file)).rejects.toMatchObject({ code: 'NETMUX_PATH_IN_USE' });
    expect(existsSync(file)).toBe(true);
    expect(existsSync(living)).toBe(true);
  });

  it('leave the file of another listener in their place when they close', async () => {
    const probe = new Probe();
    const name = path('taken-over');
    const listener = await serve(probe, name);
    unlinkSync(name);
    await nodeServer(name);
    probe.command(CommandKind.Close, listener, CloseMode.Abort);
    probe.engine.flush();
    const peer = connect(name);
    await once(peer, 'connect');
    peer.destroy();
    expect(readdirSync(dirname(name))).toEqual(['taken-over']);
  });

  it('in a missing directory are refused with ENOENT', async () => {
    const probe = new Probe();
    await expect(serve(probe, join(path('missing'), 'socket'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('connecting', () => {
  it('reports Connected after Start, and sends what was written before', async () => {
    const { server, accepted } = await nodeServer(undefined);
    const probe = new Probe();
    const slot = probe.engine.connect({ ...LOOPBACK, port: portOf(server) }, {});
    probe.engine.ring.writeText(slot, 'hello');
    probe.command(CommandKind.ShutWrite, slot);
    const peer = await accepted;
    peer.write('welcome');
    await rounds(10);
    expect(probe.log).toEqual([]);
    probe.command(CommandKind.Start, slot);
    expect((await received(peer)).bytes.toString()).toBe('hello');
    expect(await probe.untilInput(slot, 7)).toBe('welcome');
    expect(probe.log[0]).toBe('Connected');
    expect(probe.engine.address(slot, 'remote')).toEqual({ family: 4, host: '127.0.0.1', port: portOf(server) });
    await probe.until('Flushed');
  });

  it('reports ConnectFailed with the errno, and nothing else', async () => {
    const { server } = await nodeServer(undefined);
    const port = portOf(server);
    server.close();
    await once(server, 'close');
    const probe = new Probe();
    const slot = probe.engine.connect({ ...LOOPBACK, port }, {});
    probe.engine.ring.writeText(slot, 'never sent');
    probe.command(CommandKind.Start, slot);
    expect(await probe.until('ConnectFailed')).toMatchObject({ slot, a: ECONNREFUSED });
    await rounds(5);
    expect(probe.log).toEqual(['ConnectFailed']);
  });

  it('that is closed at once ends in silence', async () => {
    const { server } = await nodeServer(undefined);
    const probe = new Probe();
    const slot = probe.engine.connect({ ...LOOPBACK, port: portOf(server) }, {});
    probe.command(CommandKind.Start, slot);
    probe.command(CommandKind.Close, slot, CloseMode.Abort);
    await rounds(10);
    expect(probe.log).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('to a UNIX listener with a full backlog waits until there is room', async () => {
    const probe = new Probe();
    const name = path('full');
    // A listener that accepts only when told: a process that stops itself.
    const script = `
      const server = require('net').createServer((s) => s.end()).listen({ path: ${JSON.stringify(name)}, backlog: 1 }, () => {
        process.stdout.write('ready');
        process.kill(process.pid, 'SIGSTOP');
      });`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await once(child.stdout, 'data');
    const slots = [1, 2, 3, 4, 5].map(() => probe.engine.connect({ family: 'unix', path: name }, {}));
    for (const slot of slots) probe.command(CommandKind.Start, slot);
    await probe.until('Connected', 2);
    await once(AbortSignal.timeout(100), 'abort');
    expect(probe.of('Connected').length).toBeLessThan(5);
    expect(probe.of('ConnectFailed')).toEqual([]);
    child.kill('SIGCONT');
    await probe.until('Connected', 5);
    for (const slot of slots) probe.command(CommandKind.Close, slot, CloseMode.Abort);
  });
});

describe('UDP', () => {
  const open = async (probe: Probe, address: Address = LOOPBACK) => {
    const slot = await probe.engine.bind(address, {});
    onTestFinished(() => {
      probe.command(CommandKind.Close, slot, CloseMode.Abort);
      probe.engine.flush();
    });
    return slot;
  };
  const client = async () => {
    const socket = createSocket('udp4');
    onTestFinished(() => {
      socket.close();
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  };

  it('brings each datagram with its sender, empty ones too, and answers', async () => {
    const probe = new Probe();
    const slot = await open(probe);
    probe.command(CommandKind.Start, slot);
    probe.engine.memory.interest[slot] = Interest.Drained;
    const peer = await client();
    const { port } = peer.address();
    const long = 'x'.repeat(65_507);
    for (const text of ['one', '', long]) {
      await new Promise((resolve) => peer.send(text, probe.port(slot), '127.0.0.1', resolve));
    }
    await probe.until('Datagram', 3);
    const sender = { family: 4, host: '127.0.0.1', port };
    expect(probe.of('Datagram').map(({ bytes, sender }) => [bytes!.toString(), sender])).toEqual([
      ['one', sender],
      ['', sender],
      [long, sender],
    ]);
    const answer = once(peer, 'message');
    probe.engine.ring.send(slot, encodeAddress({ family: 4, host: '127.0.0.1', port }), Buffer.from('answer'));
    expect(String((await answer)[0])).toBe('answer');
    await probe.until('Drained');
    expect([...probe.engine.memory.traffic.slice(2 * slot, 2 * slot + 2)]).toEqual([65_510, 6]);
  });

  it('rejects with the code and the subject where the port is in use', async () => {
    const probe = new Probe();
    const port = probe.port(await open(probe));
    await expect(probe.engine.bind({ ...LOOPBACK, port }, {})).rejects.toMatchObject({ code: 'EADDRINUSE', address: '127.0.0.1', port });
  });

  it('keeps what comes before Start and while it is paused', async () => {
    const probe = new Probe();
    const slot = await open(probe);
    const peer = await client();
    const send = (text: string) => new Promise((resolve) => peer.send(text, probe.port(slot), '127.0.0.1', resolve));
    await send('before');
    await rounds(5);
    expect(probe.log).toEqual([]);
    probe.command(CommandKind.Start, slot);
    await probe.until('Datagram', 1);
    probe.command(CommandKind.Pause, slot);
    await send('during');
    await rounds(5);
    expect(probe.of('Datagram')).toHaveLength(1);
    probe.command(CommandKind.Resume, slot);
    expect((await probe.until('Datagram', 2)).bytes!.toString()).toBe('during');
  });

  it('tells of datagrams that cannot be sent, and goes on', async () => {
    const probe = new Probe();
    const slot = await open(probe);
    probe.command(CommandKind.Start, slot);
    const refused: [Address | undefined, number][] = [
      [undefined, EDESTADDRREQ],
      [{ family: 'unix', path: '/nowhere' }, EAFNOSUPPORT],
      [{ family: 6, host: '::1', port: 9 }, EAFNOSUPPORT],
      [{ family: 4, host: '127.0.0.1', port: 0 }, EINVAL],
    ];
    for (const [address] of refused) probe.engine.ring.send(slot, encodeAddress(address), Buffer.from('x'));
    await probe.until('SendFailed', refused.length);
    expect(probe.of('SendFailed').map(({ a }) => a)).toEqual(refused.map(([, errno]) => errno));
    const peer = await client();
    const answer = once(peer, 'message');
    probe.engine.ring.send(slot, encodeAddress({ family: 4, host: '127.0.0.1', port: peer.address().port }), Buffer.from('still here'));
    expect(String((await answer)[0])).toBe('still here');
  });

  it('on :: answers an IPv4 client', async () => {
    const probe = new Probe();
    const slot = await open(probe, { family: 6, host: '::', port: 0 });
    probe.command(CommandKind.Start, slot);
    const peer = await client();
    const answer = once(peer, 'message');
    probe.engine.ring.send(slot, encodeAddress({ family: 4, host: '127.0.0.1', port: peer.address().port }), Buffer.from('mapped'));
    expect(String((await answer)[0])).toBe('mapped');
  });
});

describe('keeping the process alive', () => {
  /** How many handles of Node's keep its loop alive. */
  const alive = () =>
    process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Immediate')
      .sort();

  it('is up to setReferenced alone, whatever sockets are open', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const { peer, slot } = await probe.client(listener);
    const datagrams = await probe.engine.bind(LOOPBACK, {});
    probe.arm(slot, 60_000);
    peer.unref();
    await rounds(5);
    const referenced = alive();
    probe.engine.setReferenced(false);
    const released = alive();
    expect(released).toHaveLength(referenced.length - 1);
    for (const kind of ['TCPSocketWrap', 'TCPServerWrap', 'UDPWrap']) expect(released).not.toContain(kind);
    probe.engine.setReferenced(true);
    expect(alive()).toEqual(referenced);
    probe.command(CommandKind.Close, datagrams, CloseMode.Abort);
  });
});
