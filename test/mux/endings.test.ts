// Why a connection ended: fh.error, and the counts of mux.stats().
import { expect, it } from 'vitest';
import type { Handle, MuxOptions } from '../../src/index.js';
import { describeEngines } from '../engines.js';
import { Peer } from './peer.js';
import { openMux, openScene } from './scene.js';

describeEngines('fh.error', (engine) => {
  it('tells a reset from an orderly end, in mux_eof already', async () => {
    const seen: unknown[] = [];
    const scene = await openScene(engine, { steps: { mux_eof: (_, fh) => seen.push(fh.error?.code) } });
    const orderly = await scene.client();
    await orderly.peer.finish();
    await scene.until('mux_close c1');
    expect(orderly.fh.error).toBeUndefined();
    const rude = await scene.client();
    rude.peer.reset();
    await scene.until('mux_close c2');
    expect(rude.fh.error).toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
    expect(rude.fh.error).toBe(rude.fh.error);
    expect(seen).toEqual([undefined, 'ECONNRESET']);
    expect(scene.mux.stats().closed).toMatchObject({ ended: 1, failed: 1 });
  });

  it('is what a callback threw, also undefined gets a name', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, _fh, data) => {
          if (data.toString() === 'throw') throw new Error('mine');
          return Promise.reject(undefined);
        },
      },
    });
    const first = await scene.client();
    await first.peer.send('throw');
    await scene.until('mux_close c1');
    expect(first.fh.error).toMatchObject({ message: 'mine' });
    const second = await scene.client();
    await second.peer.send('reject');
    await scene.until('mux_close c2');
    expect(second.fh.error).toMatchObject({ code: 'NETMUX_NO_REASON', message: expect.stringContaining('undefined') });
    expect(scene.log).toContain('mux_error c2 NETMUX_NO_REASON');
    expect(scene.mux.stats().closed.threw).toBe(2);
  });

  it('goes to warn where there is no mux_error: a line with the peer, and the frames of what a callback threw', async () => {
    const warnings: string[] = [];
    const mux = openMux(engine, { maxInbuffer: 3, warn: (line) => warnings.push(line) });
    mux.setCallbackObject({
      mux_input: (_, _fh, data) => {
        if (data.toString() === 'no') throw new Error('mine');
      },
    });
    const listener = mux.listen({ host: '127.0.0.1', port: 0 });
    await listener.ready;
    void mux.loop();
    const ports: unknown[] = [];
    for (const text of ['no', 'long']) {
      const peer = await Peer.connect(listener.localPort as number);
      ports.push(peer.socket.localPort);
      await peer.send(text);
      await peer.end();
    }
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^netmux: \\[127\\.0\\.0\\.1\\]:${ports[0]}: Error: mine\\n +at `)),
      `netmux: [127.0.0.1]:${ports[1]}: 4 bytes of input are unread: more than the 3 of maxInbuffer (NETMUX_INBUFFER_LIMIT)`,
    ]);
  });

  it('is the limit that was exceeded; with output unsent the peer is reset', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 20_000_000 } satisfies MuxOptions });
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(19_000_000));
    await scene.fence();
    fh.write(Buffer.alloc(19_000_000));
    expect(fh.closed).toBe(true);
    expect(fh.error?.code).toBe('NETMUX_OUTBUFFER_LIMIT');
    expect(scene.mux.stats().closed.outbuffer).toBe(1);
    await scene.fence();
    // After an ordinary close what the kernel had taken would still be on its way, and this would be sent.
    await expect(peer.send('x')).rejects.toMatchObject({ code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) });
  });
});

describeEngines('fh.reset', (engine) => {
  it('closes at once, and the peer gets a reset', async () => {
    const scene = await openScene(engine, { steps: { mux_input: (_, fh) => fh.reset() } });
    const { peer, fh } = await scene.client();
    await peer.send('go away');
    expect((await peer.end()).by).toBe('ECONNRESET');
    expect(scene.log.slice(-2)).toEqual(['mux_input c1 "go away"', 'mux_close c1']);
    expect(fh.closed).toBe(true);
    expect(scene.mux.stats().closed).toMatchObject({ closed: 1, ended: 0 });
    fh.reset(); // harmless
  });
});

describeEngines('mux.stats', (engine) => {
  it('adds up: who came is there, or counted by what ended him', async () => {
    const scene = await openScene(engine, { steps: { mux_input: (_, fh, data) => fh.write(data.take()) } });
    const clients = [];
    for (let i = 0; i < 6; i += 1) clients.push(await scene.client());
    for (const { peer } of clients) {
      await peer.send('hello');
      await peer.expect('hello');
    }
    scene.mux.close((clients[0] as { fh: Handle }).fh);
    scene.mux.reset((clients[1] as { fh: Handle }).fh);
    await clients[2]?.peer.finish();
    clients[3]?.peer.reset();
    await scene.until('mux_close c3');
    await scene.until('mux_close c4');
    const stats = scene.mux.stats();
    expect(stats).toMatchObject({ accepted: 6, handles: 2, bytesRead: 30, bytesWritten: 30, unsent: 0, unread: 0 });
    expect(Object.values(stats.closed).reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(stats.closed).toMatchObject({ closed: 2, ended: 1, failed: 1 });
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
  });

  it('counts what waits, and outgoing connections', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer, fh } = await scene.client({ reading: false });
    await peer.send('unread');
    await scene.until('mux_input c1 "unread"');
    fh.write(Buffer.alloc(15_000_000));
    await scene.fence();
    const { unsent, unread } = scene.mux.stats();
    expect(unread).toBe(6);
    expect(unsent).toBe(fh.bufferedAmount);
    expect(unsent).toBeGreaterThan(1_000_000);
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    await scene.until('mux_connection out');
    expect(scene.mux.stats().connected).toBe(1);
  });

  it('still counts the bytes of a connection that was taken out', async () => {
    const scene = await openScene(engine);
    const { fh, peer } = await scene.client();
    await peer.send('1234567');
    await scene.until('mux_input c1 "1234567"');
    fh.write('123');
    await peer.expect('123');
    scene.mux.remove(fh);
    expect(scene.mux.stats()).toMatchObject({ handles: 0, bytesRead: 7, bytesWritten: 3, closed: { removed: 1 } });
  });

  it('counts the work of the engine', async () => {
    const scene = await openScene(engine, { steps: { mux_timeout: () => {} } });
    const before = scene.mux.stats();
    const { fh } = await scene.client();
    fh.setTimeout(0);
    await scene.until('mux_timeout c1');
    const after = scene.mux.stats();
    for (const name of ['turns', 'batches', 'records', 'timers'] as const) expect(after.engine[name]).toBeGreaterThan(before.engine[name]);
    expect(after.timeouts).toBe(1);
  });
});

it('a connection that never came about has an error, too', async () => {
  const scene = await openScene('node');
  const { port } = scene;
  scene.mux.close(scene.listener);
  const keeper = await openScene('node');
  const fh = keeper.mux.connect({ host: '127.0.0.1', port });
  keeper.journal.name(fh, 'out');
  await keeper.until('mux_close out');
  expect(fh.error?.code).toBe('ECONNREFUSED');
});

describeEngines('a buffer that was transferred', (engine) => {
  it('is refused with a code, on a connection and as a datagram; an empty one is not', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    const socket = scene.mux.listen({ host: '127.0.0.1', port: 0, proto: 'udp' });
    await socket.ready;
    const gone = new Uint8Array(10);
    structuredClone(gone, { transfer: [gone.buffer] });
    const refusal = expect.objectContaining({ code: 'NETMUX_BUFFER_DETACHED' });
    expect(() => fh.write(gone)).toThrow(refusal);
    expect(() => socket.send(gone, { host: '127.0.0.1', port: 9 })).toThrow(refusal);
    expect(fh.write(new Uint8Array())).toBe(true);
    expect(socket.send(new Uint8Array(), { host: '127.0.0.1', port: socket.localPort as number })).toBe(true);
  });
});
