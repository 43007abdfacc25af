import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import { openScene } from './scene.js';

describeAllEngines('pause and resume', (engine) => {
  it('nothing is read while paused; resume delivers all of it, in order', async () => {
    const received: Buffer[] = [];
    const scene = await openScene(engine, { steps: { mux_input: (_, __, data) => void received.push(data.take()) } });
    const { peer, fh } = await scene.client();
    fh.pause();
    await scene.fence();
    const sent = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index % 251));
    const sending = peer.send(sent);
    await scene.fence();
    expect(received).toEqual([]);
    fh.resume();
    await sending;
    await peer.finish();
    await scene.until('mux_close c1');
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  it('a client that keeps sending to a paused connection is held back by TCP', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.pause();
    await scene.fence();
    let taken = false;
    const sending = peer.send(Buffer.alloc(64 << 20)).then(() => {
      taken = true;
    });
    sending.catch(() => {});
    for (let round = 0; round < 3; round += 1) await scene.fence();
    expect(taken).toBe(false);
    expect(fh.bytesRead).toBeLessThan(1 << 20);
  });

  it('paused inside mux_input: no further mux_input until resume, not even for what was sent before', async () => {
    const scene = await openScene(engine, {
      mux: { readSize: 1000 },
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.pause();
        },
      },
    });
    const { peer, fh } = await scene.client();
    await peer.send('x'.repeat(2500));
    await scene.until('mux_input c1 1000 bytes');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 1000 bytes']);
    fh.resume();
    await scene.until('mux_input c1 1000 bytes', 2);
    fh.resume();
    await scene.until('mux_input c1 500 bytes');
  });

  it('data and FIN that came while paused are reported on resume, in order', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.pause();
    await scene.fence();
    await peer.finish('data');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1']);
    fh.resume();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "data"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('a reset that came while paused is reported on resume', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.pause();
    await scene.fence();
    peer.reset();
    await sleep(20);
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1']);
    fh.resume();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('a reset while paused costs no processor time: nobody spins', async () => {
    const scene = await openScene(engine);
    for (let index = 0; index < 5; index += 1) {
      const { peer, fh } = await scene.client();
      fh.pause();
      await scene.fence();
      peer.reset();
    }
    await sleep(20);
    await scene.fence();
    const before = process.cpuUsage();
    await sleep(300);
    const { user, system } = process.cpuUsage(before);
    // A loop that finds the same event again and again takes all of it.
    expect((user + system) / 1000).toBeLessThan(150);
  });

  it('half-open connections cost no processor time either', async () => {
    const scene = await openScene(engine, { mux: { allowHalfOpen: true } });
    for (let index = 0; index < 5; index += 1) {
      const { peer } = await scene.client();
      await peer.finish();
      await scene.until(`mux_eof c${index + 1} ""`);
    }
    const gone = await scene.client();
    await gone.peer.finish();
    await scene.until('mux_eof c6 ""');
    gone.peer.reset();
    await scene.fence();
    const before = process.cpuUsage();
    await sleep(300);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(150);
  });

  it('output goes on while paused', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.pause();
    fh.write(Buffer.alloc(8 << 20, 'z'));
    peer.startReading();
    await peer.receive(8 << 20);
    fh.write('more');
    await peer.expect('more');
  });

  it('pause twice, resume once; resume without pause does nothing', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.resume();
    fh.pause();
    fh.pause();
    fh.resume();
    fh.resume();
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
  });

  it('pause and resume in the same callback lose nothing', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          fh.pause();
          fh.write(data.take());
          fh.resume();
        },
      },
    });
    const { peer } = await scene.client();
    for (let index = 0; index < 20; index += 1) {
      await peer.send(`${index};`);
      await peer.expect(`${index};`);
    }
  });

  it('a timer fires while paused', async () => {
    const scene = await openScene(engine, { steps: { mux_timeout: (_, fh) => fh.resume() } });
    const { peer, fh } = await scene.client();
    fh.pause();
    await scene.fence();
    await peer.send('x');
    fh.setTimeout(0.02);
    await scene.until('mux_input c1 "x"');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_timeout c1', 'mux_input c1 "x"']);
  });

  it('a paused listener accepts nobody until it is resumed', async () => {
    const scene = await openScene(engine, { start: false });
    scene.listener.pause();
    scene.startLoop();
    await scene.connect();
    await scene.fence();
    expect(scene.log).toEqual([]);
    scene.listener.resume();
    await scene.until('mux_connection c1');
  });

  it('unread input is kept over pause and resume', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer, fh } = await scene.client();
    await peer.send('ab');
    await scene.until('mux_input c1 "ab"');
    fh.pause();
    await peer.send('cd');
    await scene.fence();
    expect(String(scene.mux.inbuffer(fh))).toBe('ab');
    fh.resume();
    await scene.until('mux_input c1 "abcd"');
  });
});
