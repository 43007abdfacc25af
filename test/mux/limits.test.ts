// Limits on who is let in and for how long. docs/limits.md has them together.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Handle, type Listener, Mux, type MuxCallbacks, type MuxOptions, type Refused } from '../../src/index.js';
import { describeEngines } from '../engines.js';
import { Peer } from './peer.js';
import { block, eventually, failureOf, fence, openMux, openScene, temporaryDirectory } from './scene.js';

/** How a client's connection came out: it was welcomed, or ended before. */
async function knock(port: number, options: { readonly from?: string; readonly to?: string } = {}): Promise<string> {
  const socket = connect({ port, host: options.to ?? '127.0.0.1', ...(options.from && { localAddress: options.from }) });
  onTestFinished(() => {
    socket.destroy();
  });
  return Promise.race([
    once(socket, 'data').then(() => 'welcome'),
    once(socket, 'end').then(() => 'end'),
    new Promise<string>((resolve) => socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))),
  ]);
}

/** A server that greets who is let in; what it told of refusals. */
async function guarded(engine: 'native' | 'node', mux: MuxOptions, listen: object = {}) {
  const refused: Refused[] = [];
  const scene = await openScene(engine, {
    mux,
    listen: { host: '127.0.0.1', port: 0, ...listen },
    steps: { mux_connection: (_, fh) => fh.write('welcome') },
  });
  const callbacks = scene.mux.setCallbackObject(undefined) as MuxCallbacks;
  callbacks.mux_refused = (_mux, listener, refusal) => {
    expect(listener).toBe(scene.listener);
    refused.push(refusal);
  };
  scene.mux.setCallbackObject(callbacks);
  return { scene, refused };
}

describeEngines('limits on connections', (engine) => {
  it('maxConnections: who comes beyond is reset, before there is a handle; mux_refused tells', async () => {
    const { scene, refused } = await guarded(engine, { maxConnections: 2 });
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('ECONNRESET');
    await eventually('a report', () => refused.length > 0);
    expect(refused).toEqual([{ reason: 'connections', count: 1 }]);
    expect(scene.mux.stats()).toMatchObject({ accepted: 2, handles: 2, refused: { connections: 1, address: 0 } });
    expect(scene.log).toEqual(['mux_connection c1', 'mux_connection c2']);
  });

  it('a place is free again when a connection is closed', async () => {
    const { scene } = await guarded(engine, { maxConnections: 1 });
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('ECONNRESET');
    scene.mux.close(scene.journal.handleOf('c1'));
    await scene.fence().catch(() => {}); // its own client is refused, too, or not
    expect(await knock(scene.port)).toBe('welcome');
  });

  it('maxConnectionsPerAddress and maxConnectionsPerNetwork: others are not touched', async () => {
    const { scene } = await guarded(engine, { maxConnectionsPerAddress: 1, maxConnectionsPerNetwork: 2 });
    expect(await knock(scene.port, { from: '127.0.5.1' })).toBe('welcome');
    expect(await knock(scene.port, { from: '127.0.5.1' })).toBe('ECONNRESET');
    expect(await knock(scene.port, { from: '127.0.5.2' })).toBe('welcome');
    expect(await knock(scene.port, { from: '127.0.5.3' })).toBe('ECONNRESET');
    expect(await knock(scene.port, { from: '127.0.6.1' })).toBe('welcome');
    expect(scene.mux.stats().refused).toMatchObject({ address: 1, network: 1 });
  });

  it('exemptFromLimits: blocks that are never refused, IPv4 ones also on an IPv6 listener', async () => {
    const exempt = ['127.0.8.0/22', '::1'];
    const { scene } = await guarded(engine, { maxConnections: 1, exemptFromLimits: exempt }, { host: '*' });
    expect(await knock(scene.port, { from: '127.0.11.9' })).toBe('welcome');
    expect(await knock(scene.port, { from: '127.0.8.1' })).toBe('welcome');
    expect(await knock(scene.port, { from: '127.0.12.1' })).toBe('ECONNRESET');
    expect(await knock(scene.port, { to: '::1' })).toBe('welcome');
  });

  it('maxConnectionsPerListener, and maxConnections of listen for one of them', async () => {
    const { scene } = await guarded(engine, { maxConnectionsPerListener: 1 });
    const wide = scene.mux.listen({ host: '127.0.0.1', port: 0, maxConnections: 2 });
    scene.journal.name(wide, 'wide');
    await wide.ready;
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('ECONNRESET');
    expect(await knock(wide.localPort as number)).toBe('welcome');
    expect(await knock(wide.localPort as number)).toBe('welcome');
    expect(scene.mux.stats().refused.listener).toBe(1);
  });

  it('acceptRate: a burst, then as the bucket fills', async () => {
    const { scene } = await guarded(engine, { acceptRate: 0.001, acceptBurst: 2 });
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('ECONNRESET');
    expect(scene.mux.stats().refused.rate).toBe(1);
  });

  it('acceptRate of listen holds for that listener', async () => {
    const { scene } = await guarded(engine, {}, { acceptRate: 0.001, acceptBurst: 1 });
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('ECONNRESET');
    expect(scene.mux.stats().refused.listenerRate).toBe(1);
  });

  it('refusals are counted one by one and told together; a closed listener leaves its count', async () => {
    const { scene, refused } = await guarded(engine, { maxConnections: 1 });
    expect(await knock(scene.port)).toBe('welcome');
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => knock(scene.port)));
    expect(new Set(outcomes)).toEqual(new Set(['ECONNRESET']));
    await eventually('all were told of', () => refused.reduce((sum, { count }) => sum + count, 0) === 50);
    expect(refused.length).toBeLessThan(50);
    scene.mux.close(scene.listener);
    expect(scene.mux.stats()).toMatchObject({ listeners: 0, refused: { connections: 50 } });
  });

  it('a UNIX listener refuses with an end, and knows no addresses', async () => {
    const path = join(temporaryDirectory(), 's');
    const scene = await openScene(engine, {
      mux: { maxConnections: 1, maxConnectionsPerAddress: 1 },
      listen: { path },
      steps: { mux_connection: (_, fh) => fh.write('welcome') },
    });
    const first = await Peer.connect(path);
    await first.expect('welcome');
    const second = await Peer.connect(path);
    expect((await second.end()).text).toBe('');
    expect(scene.mux.stats().refused).toMatchObject({ connections: 1, address: 0 });
  });

  it('two multiplexers count for themselves', async () => {
    const { scene } = await guarded(engine, { maxConnections: 1 });
    const { scene: other } = await guarded(engine, { maxConnections: 1 });
    expect(await knock(scene.port)).toBe('welcome');
    expect(await knock(other.port)).toBe('welcome');
    expect(await knock(scene.port)).toBe('ECONNRESET');
  });
});

describeEngines('limits of time', (engine) => {
  /** Closed by a limit: the code that mux_error got, and what the handle and the counts say of it. */
  async function closedBy(mux: MuxOptions, play: (peer: Peer, fh: Handle) => unknown, steps: MuxCallbacks = {}) {
    const scene = await openScene(engine, { mux, steps });
    const { peer, fh } = await scene.client();
    await play(peer, fh);
    await scene.until('mux_close c1');
    const counted = Object.entries(scene.mux.stats().closed).filter(([, count]) => count > 0);
    return { code: scene.log.find((line) => line.startsWith('mux_error'))?.split(' ')[2], error: fh.error, counted, fh, scene, peer };
  }

  it('firstByteTimeout', async () => {
    const began = performance.now();
    const { code, error, counted, peer } = await closedBy({ firstByteTimeout: 0.1 }, () => {});
    expect(performance.now() - began).toBeGreaterThanOrEqual(99);
    expect(code).toBe('NETMUX_FIRST_BYTE_TIMEOUT');
    expect(error).toMatchObject({ code });
    expect(counted).toEqual([['firstByte', 1]]);
    expect((await peer.end()).by).toBe('fin');
  });

  it('firstByteTimeout does not concern who has sent something', async () => {
    const scene = await openScene(engine, { mux: { firstByteTimeout: 0.05 }, steps: { mux_timeout: (mux, fh) => mux.close(fh) } });
    const { peer, fh } = await scene.client();
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    fh.setTimeout(0.2);
    await scene.until('mux_close c1');
    expect(scene.log.slice(-2)).toEqual(['mux_timeout c1', 'mux_close c1']);
    expect(fh.error).toBeUndefined();
  });

  it('idleTimeout: so long after the last byte', async () => {
    let last = 0;
    const { code, counted } = await closedBy({ idleTimeout: 0.15 }, async (peer) => {
      for (let i = 0; i < 5; i += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        last = performance.now();
        await peer.send('x');
      }
    });
    expect(performance.now() - last).toBeGreaterThanOrEqual(149);
    expect(code).toBe('NETMUX_IDLE_TIMEOUT');
    expect(counted).toEqual([['idle', 1]]);
  });

  it('who speaks while a callback blocks for longer than idleTimeout is not idle', async () => {
    const scene = await openScene(engine, {
      mux: { idleTimeout: 0.6 },
      steps: {
        mux_input(_, fh, data) {
          fh.write(data.take());
          if (fh !== blocker.fh) return;
          // It reaches the kernel at once, and nobody looks.
          void patient.peer.send('here');
          block(1000);
        },
      },
    });
    const blocker = await scene.client();
    const patient = await scene.client();
    await blocker.peer.send('block');
    await patient.peer.expect('here');
    expect(scene.mux.stats().closed.idle).toBe(0);
  });

  it('hold for who sets a short timer and then a long one', async () => {
    const set = (_: unknown, fh: Handle) => {
      fh.setTimeout(0.05);
      fh.setTimeout(60);
    };
    const { code, scene } = await closedBy({ idleTimeout: 0.15 }, () => {}, { mux_connection: set });
    expect(code).toBe('NETMUX_IDLE_TIMEOUT');
    expect(scene.log).not.toContain('mux_timeout c1');
  });

  it('do not keep a timer from its time, where one before it was set and taken away', async () => {
    const scene = await openScene(engine, {
      mux: { maxLifetime: 3600 },
      steps: {
        mux_connection(_, fh) {
          fh.setTimeout(0.1);
          fh.setTimeout(null);
        },
        mux_input: (_, fh, data) => {
          data.consume();
          fh.setTimeout(0.1);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_timeout c1');
  });

  it('firstByteTimeout is no matter of what is sent to the client', async () => {
    const more = Buffer.alloc(8 * 1024 * 1024);
    const push = (_: unknown, fh: Handle) => fh.write(more);
    const scene = await openScene(engine, { mux: { firstByteTimeout: 0.3 }, steps: { mux_connection: push, mux_outbuffer_empty: push } });
    // A process of its own, which reads while the server writes.
    const reader = `require('node:net').connect(${scene.port}, '127.0.0.1').on('error', () => {}).resume()`;
    const child = spawn(process.execPath, ['-e', reader]);
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await scene.until('mux_close c1');
    expect(scene.log.slice(-2)).toEqual(['mux_error c1 NETMUX_FIRST_BYTE_TIMEOUT', 'mux_close c1']);
  });

  it('idleTimeout does not count the time of a pause', async () => {
    const scene = await openScene(engine, { mux: { idleTimeout: 0.05 }, steps: { mux_timeout: (_, fh) => fh.resume() } });
    const { peer, fh } = await scene.client();
    fh.pause();
    fh.setTimeout(0.3);
    await peer.send('x');
    await scene.until('mux_close c1');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_timeout c1',
      'mux_input c1 "x"',
      'mux_error c1 NETMUX_IDLE_TIMEOUT',
      'mux_close c1',
    ]);
  });

  it('maxLifetime: whatever is going on', async () => {
    const { code, counted } = await closedBy({ maxLifetime: 0.1, idleTimeout: 5 }, (peer) => peer.send('x'));
    expect(code).toBe('NETMUX_LIFETIME');
    expect(counted).toEqual([['lifetime', 1]]);
  });

  it('minByteRate: a message that goes on too slowly', async () => {
    let closed = () => {};
    const end = new Promise<void>((resolve) => {
      closed = resolve; // it takes two windows of the rate, longer than a journal waits
    });
    const scene = await openScene(engine, {
      mux: { minByteRate: 1000 },
      steps: { mux_input: (_, _fh, data) => [...data.lines()], mux_close: (_, fh) => fh === slow.fh && closed() },
    });
    const slow = await scene.client();
    const quiet = await scene.client();
    await quiet.peer.send('a whole line\n');
    await slow.peer.send('a line without its end');
    await end;
    expect(slow.fh.error?.code).toBe('NETMUX_TOO_SLOW');
    expect(quiet.fh.closed).toBe(false);
    expect(scene.mux.stats().closed.slow).toBe(1);
  }, 60_000);

  it('outgoing connections have no limits', async () => {
    const limited = openMux(engine, { idleTimeout: 0.05, firstByteTimeout: 0.05 });
    const server = await openScene(engine);
    const ended: string[] = [];
    limited.setCallbackObject({ mux_timeout: () => ended.push('own timer'), mux_error: (_, _fh, error) => ended.push(String(error)) });
    const fh = limited.connect({ host: '127.0.0.1', port: server.port });
    fh.setTimeout(0.3);
    void limited.loop();
    await eventually('the timer', () => ended.length > 0);
    expect(ended).toEqual(['own timer']);
  });
});

describeEngines('the kernel’s own limits', (engine) => {
  const tuned: MuxOptions = {
    keepAlive: true,
    keepAliveInterval: 3,
    keepAliveCount: 2,
    sendBufferSize: 20_000,
    userTimeout: 2,
    deferAccept: 1,
  };

  it.runIf(engine === 'native')('are set: a deferred connection is announced with its first byte', async () => {
    const scene = await openScene(engine, { mux: tuned });
    const peer = await Peer.connect(scene.port);
    await scene.fence();
    expect(scene.log.filter((line) => line.includes('c1'))).toEqual([]);
    await peer.send('x');
    await eventually('the client', () => scene.log.some((line) => line.includes('"x"')));
  });

  it.runIf(engine === 'native')('are set on a listening socket that is taken over, too', async () => {
    const first = openMux(engine);
    const listener = await first.listen({ host: '127.0.0.1', port: 0 }).ready;
    const port = Number(listener.localPort);
    const fd = first.remove(listener);
    const second = openMux(engine, tuned);
    const log: string[] = [];
    second.setCallbackObject({
      mux_connection: () => log.push('connected'),
      mux_input: (_, _fh, input) => log.push(input.take().toString()),
    });
    await second.listen({ fd }).ready;
    void second.loop();
    const peer = await Peer.connect(port);
    await fence(second);
    expect(log).toEqual([]);
    await peer.send('x');
    await eventually('the first byte', () => log.includes('x'));
  });

  it.runIf(engine === 'node')('are refused, except keepAliveDelay', async () => {
    const mux = openMux(engine, tuned);
    const listener = mux.listen({ host: '127.0.0.1', port: 0 });
    expect((await failureOf(() => listener.ready)).code).toBe('NETMUX_NOT_ON_THIS_ENGINE');
    const scene = await openScene(engine, { mux: { keepAlive: true, keepAliveDelay: 30 } });
    await scene.client();
  });
});

it.each<[MuxOptions, string]>([
  [{ maxConnections: -1 }, 'maxConnections must be a whole number from 0 (unlimited) to 16777216, not -1'],
  [{ acceptRate: Number.NaN }, 'acceptRate must be a number from 0 (unlimited) to 1000000, not NaN'],
  [{ exemptFromLimits: ['10.0.0.0/33'] }, 'exemptFromLimits must be at most 1024 addresses and CIDR blocks, not a list'],
  [{ exemptFromLimits: ['fe80::1%eth0'] }, 'exemptFromLimits must be'],
  [{ idleTimeout: Number.POSITIVE_INFINITY }, 'idleTimeout must be a number from 0 (unlimited) to 1000000, not Infinity'],
])('%j is refused', (options, message) => {
  expect(() => new Mux({ engine: 'node', ...options })).toThrow(message);
});

it('limits of one listener are checked', () => {
  const mux = openMux('node');
  expect(() => mux.listen({ port: 0, maxConnections: 1.5 }) as Listener).toThrow('listen: maxConnections must be a whole number');
  expect(() => mux.connect({ port: 1, maxConnections: 1 } as never)).toThrow('unknown option maxConnections');
});
