import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextRound, setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { ListenOptions } from '../../src/index.js';
import { describeEngines } from '../engines.js';
import { Journal, recorder } from './journal.js';
import { Peer } from './peer.js';
import { failureOf, openMux, openScene, temporaryDirectory } from './scene.js';

describeEngines('listen: ready', (engine) => {
  it('returns a Listener at once; ready resolves to it, with the port that the kernel chose', async () => {
    const mux = openMux(engine);
    const listener = mux.listen({ host: '127.0.0.1', port: 0 });
    expect(await listener.ready).toBe(listener);
    expect(listener.localPort).toBeGreaterThan(0);
    expect(listener.localAddress).toBe('127.0.0.1');
  });

  it('gives two listeners on port 0 two ports', async () => {
    const mux = openMux(engine);
    const first = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    const second = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    expect(first.localPort).not.toBe(second.localPort);
  });

  it('names the engine that it runs on', () => {
    expect(openMux(engine).engine).toBe(engine);
  });

  it('accepts clients that came before the loop, in the order in which they came', async () => {
    const scene = await openScene(engine, { start: false });
    const peers: Peer[] = [];
    for (let index = 0; index < 20; index += 1) peers.push(await scene.connect());
    scene.startLoop();
    await scene.until('mux_connection c20');
    expect(peers.map((_, index) => scene.journal.handleOf(`c${index + 1}`).remotePort)).toEqual(
      peers.map(({ socket }) => socket.localPort),
    );
  });

  it('calls nobody before loop()', async () => {
    const scene = await openScene(engine, { start: false });
    const peer = await scene.connect();
    await peer.send('early');
    scene.listener.setTimeout(0.001);
    for (let round = 0; round < 20; round += 1) await nextRound();
    await sleep(50);
    expect(scene.log).toEqual([]);
    expect(scene.mux.handles()).toEqual([]);
    scene.startLoop();
    await scene.until('mux_input c1 "early"');
    await scene.until('mux_timeout listener');
  });

  it('serves several listeners; localPort tells which one a client came to', async () => {
    const scene = await openScene(engine);
    const other = await scene.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    const first = await scene.client();
    await Peer.connect(other.localPort as number);
    await scene.until('mux_connection c2');
    expect(first.fh.localPort).toBe(scene.port);
    expect(scene.journal.handleOf('c2').localPort).toBe(other.localPort);
  });

  it('keeps accepting on one listener when another one is closed', async () => {
    const scene = await openScene(engine);
    const other = await scene.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    scene.mux.close(scene.listener);
    await scene.until('mux_close listener');
    await Peer.connect(other.localPort as number);
    await scene.until('mux_connection c1');
  });

  it('frees the port when the listener is closed', async () => {
    const scene = await openScene(engine);
    const { port } = scene;
    await scene.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    scene.mux.close(scene.listener);
    await scene.fence();
    expect(await failureOf(() => Peer.connect(port))).toMatchObject({ code: 'ECONNREFUSED' });
    await scene.mux.listen({ host: '127.0.0.1', port }).ready;
  });

  it('takes 200 clients that connect at once', async () => {
    const scene = await openScene(engine);
    await Promise.all(Array.from({ length: 200 }, () => scene.connect()));
    await scene.until('mux_connection c200');
    expect(scene.mux.handles()).toHaveLength(200);
  });
});

describeEngines('listen: addresses', (engine) => {
  it('serves IPv4 and IPv6 on one listener when no host is given', async () => {
    const scene = await openScene(engine, { listen: { port: 0 } });
    await scene.client({ host: '127.0.0.1' });
    await scene.client({ host: '::1' });
    expect(scene.journal.handleOf('c1').remoteAddress).toBe('::ffff:127.0.0.1');
    expect(scene.journal.handleOf('c2').remoteAddress).toBe('::1');
  });

  it('treats host "*" like no host', async () => {
    const scene = await openScene(engine, { listen: { host: '*', port: 0 } });
    await scene.client({ host: '127.0.0.1' });
    await scene.client({ host: '::1' });
  });

  it('serves IPv6 alone with ipv6Only', async () => {
    const scene = await openScene(engine, { listen: { host: '::', port: 0, ipv6Only: true } });
    await scene.client({ host: '::1' });
    expect(await failureOf(() => Peer.connect(scene.port, { host: '127.0.0.1' }))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('binds one IPv6 address', async () => {
    const scene = await openScene(engine, { listen: { host: '::1', port: 0 } });
    const { fh, peer } = await scene.client({ host: '::1' });
    expect(fh.localAddress).toBe('::1');
    expect(fh.localPort).toBe(scene.port);
    expect(fh.remotePort).toBe(peer.socket.localPort);
  });

  it('resolves a host name', async () => {
    const scene = await openScene(engine, { listen: { host: 'localhost', port: 0 } });
    await scene.client({ host: scene.listener.localAddress as string });
  });

  it('gives the addresses of an IPv4 connection', async () => {
    const scene = await openScene(engine);
    const { fh, peer } = await scene.client();
    expect(fh.remoteAddress).toBe('127.0.0.1');
    expect(fh.remotePort).toBe(peer.socket.localPort);
    expect(fh.localAddress).toBe('127.0.0.1');
    expect(fh.localPort).toBe(scene.port);
  });
});

describeEngines('listen: failures', (engine) => {
  it('rejects ready with code, address and port when the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => {
      taken.close();
    });
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const error = await failureOf(() => openMux(engine).listen({ host: '127.0.0.1', port }).ready);
    expect(error).toMatchObject({ code: 'EADDRINUSE', address: '127.0.0.1', port });
    expect(error.message).toContain('EADDRINUSE');
    expect(error.message).toContain(`127.0.0.1:${port}`);
  });

  it('rejects ready when an address does not belong to this machine', async () => {
    expect(await failureOf(() => openMux(engine).listen({ host: '192.0.2.1', port: 0 }).ready)).toMatchObject({
      code: 'EADDRNOTAVAIL',
      address: '192.0.2.1',
    });
  });

  it('rejects ready with the name of a host that cannot be resolved', async () => {
    const error = await failureOf(() => openMux(engine).listen({ host: 'no-such-host.invalid', port: 0 }).ready);
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(error.code);
    expect(error.message).toContain('no-such-host.invalid');
  });

  it('rejects ready with EACCES where the directory of a UNIX socket may not be written', async () => {
    const directory = temporaryDirectory();
    const root = process.geteuid?.() === 0;
    chmodSync(directory, 0o555);
    if (root) process.seteuid?.(65534);
    const path = join(directory, 's');
    const error = await failureOf(() => openMux(engine).listen({ path }).ready).finally(() => {
      if (root) process.seteuid?.(0);
      chmodSync(directory, 0o755);
    });
    expect(error).toMatchObject({ code: 'EACCES', address: path });
    expect(error.message).toContain(path);
  });

  it('rejects ready with ENOENT where the directory of a UNIX socket is missing', async () => {
    const path = join(temporaryDirectory(), 'missing', 's');
    expect(await failureOf(() => openMux(engine).listen({ path }).ready)).toMatchObject({ code: 'ENOENT', address: path });
  });

  it('never removes a file that is not a socket', async () => {
    const path = join(temporaryDirectory(), 'precious');
    writeFileSync(path, 'text');
    const error = await failureOf(() => openMux(engine).listen({ path }).ready);
    expect(['EADDRINUSE', 'NETMUX_PATH_IN_USE']).toContain(error.code);
    expect(error.message).toContain(path);
    expect(readFileSync(path, 'utf8')).toBe('text');
  });

  it('loop() rejects with the error of a listener that nobody awaited', async () => {
    const scene = await openScene(engine, { start: false });
    const { port } = scene;
    scene.mux.listen({ host: '127.0.0.1', port });
    expect(await failureOf(() => scene.mux.loop())).toMatchObject({ code: 'EADDRINUSE', address: '127.0.0.1', port });
  });

  it('loop() leaves alone an error that was seen on ready', async () => {
    const scene = await openScene(engine, { start: false });
    expect(await failureOf(() => scene.mux.listen({ host: '127.0.0.1', port: scene.port }).ready)).toMatchObject({ code: 'EADDRINUSE' });
    scene.startLoop();
    await scene.client();
    scene.mux.endLoop();
    await scene.loop;
  });

  it('a listener that failed belongs to nobody: no callback, no handle, and its loop can end', async () => {
    const scene = await openScene(engine, { start: false });
    const failed = scene.mux.listen({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(failed, 'failed');
    await failureOf(() => failed.ready);
    expect(failed.closed).toBe(true);
    expect(failed.fd).toBe(-1);
    scene.mux.close(scene.listener);
    await scene.mux.loop();
    expect(scene.log).toEqual(['mux_close listener']);
  });

  it('is never an unhandled rejection, with and without a loop', async () => {
    const seen: unknown[] = [];
    const note = (reason: unknown) => seen.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => {
      process.off('unhandledRejection', note);
    });
    const scene = await openScene(engine, { start: false });
    scene.mux.listen({ host: '127.0.0.1', port: scene.port });
    for (let round = 0; round < 10; round += 1) await nextRound();
    await sleep(30);
    const lone = await openScene(engine);
    lone.mux.listen({ host: '127.0.0.1', port: scene.port });
    expect(await failureOf(() => lone.loop)).toMatchObject({ code: 'EADDRINUSE' });
    await nextRound();
    expect(seen).toEqual([]);
  });

  it('a second loop() at the same time is an error, the first one goes on', async () => {
    const scene = await openScene(engine);
    expect(await failureOf(() => scene.mux.loop())).toMatchObject({ code: 'NETMUX_ALREADY_LOOPING' });
    await scene.client();
  });
});

describeEngines('listen: misuse', (engine) => {
  const misuses: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7000],
    ['no port, path or fd', {}],
    ['a host alone', { host: '127.0.0.1' }],
    ['a negative port', { port: -1 }],
    ['a port above 65535', { port: 65_536 }],
    ['half a port', { port: 80.5 }],
    ['NaN as port', { port: Number.NaN }],
    ['an object as port', { port: {} }],
    ['a number as host', { port: 0, host: 5 }],
    ['port and path', { port: 0, path: 'sock' }],
    ['an empty path', { path: '' }],
    ['a path of 108 bytes', { path: 'x'.repeat(108) }],
    ['a number as path', { path: 5 }],
    ['a negative descriptor', { fd: -1 }],
    ['half a descriptor', { fd: 1.5 }],
    ['a backlog of -1', { port: 0, backlog: -1 }],
    ['an unknown protocol', { port: 0, proto: 'sctp' }],
  ];
  it.each(misuses)('%s is a TypeError, thrown at once', (_, options) => {
    const mux = openMux(engine);
    expect(() => mux.listen(options as ListenOptions)).toThrow(TypeError);
  });

  it.each<[object, string]>([
    [{}, 'listen: one of port, path and fd must be given'],
    [{ port: 0, path: 'sock' }, 'listen: one of port, path and fd must be given, not port and path'],
    [{ port: 0, fd: 3 }, 'listen: one of port and fd must be given, not port and fd'],
    [{ port: '7000' }, 'listen: port must be a whole number from 0 to 65535, not "7000"'],
    [{ port: 0, reuse_port: true }, 'listen: unknown option reuse_port (did you mean reusePort?)'],
  ])('%j: the error says what is wrong', (options, message) => {
    expect(() => openMux(engine).listen(options as ListenOptions)).toThrow(message);
  });

  it('a listener that was refused for misuse leaves nothing behind', async () => {
    const mux = openMux(engine);
    expect(() => mux.listen({ port: -1 })).toThrow(TypeError);
    await mux.loop();
  });
});

describeEngines('listen: UNIX stream sockets', (engine) => {
  it('serves a path, and removes the socket file when the listener is closed', async () => {
    const path = join(temporaryDirectory(), 's');
    const journal = new Journal();
    const mux = openMux(engine);
    mux.setCallbackObject(recorder(journal, { mux_input: (_, fh, data) => void fh.write(`<${data.take().toString()}>`) }));
    const listener = await mux.listen({ path }).ready;
    journal.name(listener, 'listener');
    expect(statSync(path).isSocket()).toBe(true);
    const loop = mux.loop();
    const peer = await Peer.connect(path);
    await peer.send('hi');
    await peer.expect('<hi>');
    const fh = journal.handleOf('c1');
    expect([fh.remoteAddress, fh.remotePort, fh.localPort]).toEqual([undefined, undefined, undefined]);
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await journal.until('mux_close c1');
    mux.close(listener);
    await loop;
    expect(existsSync(path)).toBe(false);
    expect(journal.lines).toEqual(['mux_connection c1', 'mux_input c1 "hi"', 'mux_eof c1 ""', 'mux_close c1', 'mux_close listener']);
  });

  it('gives the socket file the mode that was asked for', async () => {
    const path = join(temporaryDirectory(), 's');
    await openMux(engine).listen({ path, mode: 0o660 }).ready;
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('refuses a path on which somebody listens, and leaves it working', async () => {
    const path = join(temporaryDirectory(), 's');
    const scene = await openScene(engine, { listen: { path } });
    const error = await failureOf(() => openMux(engine).listen({ path }).ready);
    expect(['EADDRINUSE', 'NETMUX_PATH_IN_USE']).toContain(error.code);
    expect(error.message).toContain(path);
    await Peer.connect(path);
    await scene.until('mux_connection c1');
  });
});
