import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ConnectOptions } from '../../src/index.js';
import { describeEngines, engines } from '../engines.js';
import { recorder } from './journal.js';
import { Peer } from './peer.js';
import { failureOf, openMux, openScene, temporaryDirectory } from './scene.js';

/** A port of this machine on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describeEngines('connect', (engine) => {
  it('returns a handle at once; mux_connection when established; then it is a connection like any other', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          const bytes = data.take();
          if (scene.journal.nameOf(fh) === 'c1') fh.write(bytes);
        },
      },
    });
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    expect(scene.log).toEqual([]);
    await scene.until('mux_connection out');
    await scene.until('mux_connection c1');
    expect(out.remotePort).toBe(scene.port);
    expect(out.remoteAddress).toBe('127.0.0.1');
    expect(out.localPort).toBe(scene.journal.handleOf('c1').remotePort);
    out.write('ping');
    await scene.until('mux_input out "ping"');
    out.shutdown(1);
    await scene.until('mux_close c1');
    await scene.until('mux_close out');
    const mine = scene.log.filter((line) => line.includes(' out'));
    expect(mine).toEqual(['mux_connection out', 'mux_input out "ping"', 'mux_eof out ""', 'mux_close out']);
  });

  it('what is written before the connection is established is sent then', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    expect(scene.mux.write(out, 'early ')).toBe(6);
    expect(out.write(Buffer.from('bird'))).toBe(true);
    expect(out.bufferedAmount).toBe(10);
    await scene.until('mux_input c1 "early bird"');
    expect(scene.log.filter((line) => line === 'mux_connection out')).toHaveLength(1);
  });

  it('is closed once, whatever was shut down before it was established', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    out.write('x');
    for (const how of [0, 1, 2] as const) out.shutdown(how);
    scene.mux.killOutput(out);
    await scene.until('mux_close out');
    await scene.until('mux_close c1');
    expect(scene.log.filter((line) => line.endsWith(' out'))).toEqual(['mux_close out']);
    const stats = scene.mux.stats();
    expect(stats).toMatchObject({ connected: 1, accepted: 1, bytesRead: 0, bytesWritten: 0 });
    expect(stats.closed.ended).toBe(2);
    expect(scene.listener.closed).toBe(false);
  });

  it('a connection that is refused is mux_error, then mux_close, never mux_connection', async () => {
    const scene = await openScene(engine);
    const port = await freePort();
    const errors: unknown[] = [];
    scene.mux.setCallbackObject(recorder(scene.journal, { mux_error: (_, __, error) => void errors.push(error as Error) }));
    const out = scene.mux.connect({ host: '127.0.0.1', port });
    scene.journal.name(out, 'out');
    out.write('lost');
    await scene.until('mux_close out');
    expect(scene.log).toEqual(['mux_error out ECONNREFUSED', 'mux_close out']);
    expect(errors[0]).toMatchObject({ code: 'ECONNREFUSED', address: '127.0.0.1', port });
    expect(out.closed).toBe(true);
  });

  // Nobody accepts before `loop`, and the native listener leaves its clients in the queue of the kernel: it can be full.
  it.skipIf(!engines.includes('native'))(
    'a connection that is not established in time is NETMUX_CONNECT_TIMEOUT, then mux_close',
    async () => {
      const full = await openMux('native').listen({ host: '127.0.0.1', port: 0, backlog: 1 }).ready;
      const port = full.localPort as number;
      for (let index = 0; index < 2; index += 1) await Peer.connect(port);
      const scene = await openScene(engine);
      const begin = performance.now();
      const out = scene.mux.connect({ host: '127.0.0.1', port, timeout: 0.1 });
      scene.journal.name(out, 'out');
      out.write('never sent');
      await scene.until('mux_close out');
      expect(performance.now() - begin).toBeGreaterThanOrEqual(95);
      expect(scene.log).toEqual(['mux_error out NETMUX_CONNECT_TIMEOUT', 'mux_close out']);
    },
  );

  it.skipIf(!engines.includes('native'))('a UNIX path whose queue is full is tried again until there is room', async () => {
    const path = join(temporaryDirectory(), 's');
    const full = openMux('native');
    full.setCallbackObject({ mux_input: (_, __, data) => data.consume() });
    await full.listen({ path, backlog: 1 }).ready;
    for (let index = 0; index < 2; index += 1) await Peer.connect(path);
    const scene = await openScene(engine);
    const out = scene.mux.connect({ path, timeout: 10 });
    scene.journal.name(out, 'out');
    await scene.fence();
    expect(scene.log).toEqual([]);
    full.loop().catch(() => {});
    await scene.until('mux_connection out');
    expect(scene.log).toEqual(['mux_connection out']);
  });

  it('a host that cannot be resolved is mux_error with its name, then mux_close', async () => {
    const errors: Error[] = [];
    const scene = await openScene(engine, { steps: { mux_error: (_, __, error) => void errors.push(error as Error) } });
    const out = scene.mux.connect({ host: 'no-such-host.invalid', port: 9 });
    scene.journal.name(out, 'out');
    await scene.until('mux_close out');
    expect(scene.log.filter((line) => line.startsWith('mux_connection'))).toEqual([]);
    expect(errors[0]?.message).toContain('no-such-host.invalid');
  });

  it('resolves a host name', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: 'localhost', port: scene.port });
    scene.journal.name(out, 'out');
    await scene.until('mux_connection out');
  });

  it('may be closed before it is established: mux_close, no mux_connection', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    scene.mux.close(out);
    expect(scene.log).toEqual(['mux_close out']);
    await scene.fence();
    expect(scene.log.filter((line) => line.endsWith(' out'))).toEqual(['mux_close out']);
  });

  it('closed gracefully before it is established, with text: the text arrives', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    out.write('hello and goodbye');
    out.close();
    await scene.until('mux_input c1 "hello and goodbye"');
    await scene.until('mux_close out');
    await scene.until('mux_close c1');
  });

  it('nothing happens before loop()', async () => {
    const scene = await openScene(engine, { start: false });
    const out = scene.mux.connect({ host: '127.0.0.1', port: await freePort() });
    scene.journal.name(out, 'out');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(scene.log).toEqual([]);
    scene.startLoop();
    await scene.until('mux_close out');
    expect(scene.log).toEqual(['mux_error out ECONNREFUSED', 'mux_close out']);
  });

  it('a failed connection alone lets the loop end', async () => {
    const mux = openMux(engine);
    mux.connect({ host: '127.0.0.1', port: await freePort() });
    await mux.loop();
  });

  it('connects to a UNIX path', async () => {
    const path = join(temporaryDirectory(), 's');
    const scene = await openScene(engine, { listen: { path } });
    const out = scene.mux.connect({ path });
    scene.journal.name(out, 'out');
    out.write('over the path');
    await scene.until('mux_connection out');
    await scene.until('mux_input c1 "over the path"');
  });

  it('a UNIX path that does not exist is mux_error with ENOENT and the path, then mux_close', async () => {
    const path = join(temporaryDirectory(), 'missing');
    const errors: Error[] = [];
    const scene = await openScene(engine, { steps: { mux_error: (_, __, error) => void errors.push(error as Error) } });
    const out = scene.mux.connect({ path });
    scene.journal.name(out, 'out');
    await scene.until('mux_close out');
    expect(scene.log).toEqual(['mux_error out ENOENT', 'mux_close out']);
    expect(errors[0]?.message).toContain(path);
  });

  it('its own callback object can be set before anything happens', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.mux.setCallbackObject({ mux_connection: () => scene.journal.add('own object') }, out);
    await scene.until('own object');
    expect(scene.log.filter((line) => line === 'own object')).toHaveLength(1);
  });

  it('a timer set before the connection is established belongs to the user', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port, timeout: 10 });
    scene.journal.name(out, 'out');
    out.setTimeout(0.03);
    await scene.until('mux_timeout out');
    await scene.until('mux_connection out');
    expect(scene.log.filter((line) => line.startsWith('mux_error'))).toEqual([]);
  });

  it('the connect timeout does not fire once the connection is established', async () => {
    const scene = await openScene(engine);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port, timeout: 2 });
    scene.journal.name(out, 'out');
    await scene.until('mux_connection out');
    scene.listener.setTimeout(2.2);
    await scene.until('mux_timeout listener');
    expect(scene.log.filter((line) => line.endsWith(' out'))).toEqual(['mux_connection out']);
    expect(out.closed).toBe(false);
  });

  it('50 at once are 50 connections', async () => {
    const scene = await openScene(engine);
    for (let index = 0; index < 50; index += 1)
      scene.journal.name(scene.mux.connect({ host: '127.0.0.1', port: scene.port }), `out${index}`);
    await scene.until('mux_connection c50');
    for (let index = 0; index < 50; index += 1) await scene.until(`mux_connection out${index}`);
    expect(scene.mux.handles()).toHaveLength(100);
  });

  it.each([
    ['nothing', undefined],
    ['no port', { host: '127.0.0.1' }],
    ['port 0', { host: '127.0.0.1', port: 0 }],
    ['a port above 65535', { host: '127.0.0.1', port: 65_536 }],
    ['a number as host', { host: 5, port: 1 }],
    ['port and path', { port: 1, path: '/x' }],
    ['an empty path', { path: '' }],
    ['a path of 108 bytes', { path: 'x'.repeat(108) }],
    ['a negative timeout', { host: '127.0.0.1', port: 1, timeout: -1 }],
    ['NaN as timeout', { host: '127.0.0.1', port: 1, timeout: Number.NaN }],
  ])('%s is a TypeError, and leaves no handle behind', async (_, options) => {
    const mux = openMux(engine);
    expect(await failureOf(() => mux.connect(options as ConnectOptions))).toBeInstanceOf(TypeError);
    expect(mux.handles()).toEqual([]);
  });
});
