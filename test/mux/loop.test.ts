import { getEventListeners } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Mux } from '../../src/index.js';
import { describeAllEngines, engineOption, engines } from '../engines.js';
import { Journal, recorder } from './journal.js';
import { Peer } from './peer.js';
import { eventually, failureOf, openMux, openScene } from './scene.js';

describeAllEngines('loop: its end', (engine) => {
  it('resolves at once when there is no handle', async () => {
    await openMux(engine).loop();
  });

  it('resolves when no handle is left (S93)', async () => {
    const scene = await openScene(engine);
    const { peer } = await scene.client();
    scene.mux.close(scene.listener);
    let over = false;
    void scene.loop.then(() => {
      over = true;
    });
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    await sleep(5);
    expect(over).toBe(false);
    await peer.finish();
    await scene.loop;
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close listener', 'mux_input c1 "x"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it.skipIf(engine === 'memory')('when it has resolved, its ports are free', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh) => {
          mux.close(scene.listener);
          mux.close(fh);
        },
      },
    });
    const { port } = scene;
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.loop;
    const rival = createServer();
    await new Promise<void>((resolve, reject) => {
      rival.on('error', reject);
      rival.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve());
    });
    rival.close();
  });

  it('endLoop closes what is quiet at once: mux_close for each, no mux_eof; the listener goes, too (D8)', async () => {
    const scene = await openScene(engine);
    const a = await scene.client();
    const b = await scene.client();
    const { port } = scene;
    scene.mux.endLoop();
    await scene.loop;
    expect(scene.log.slice(2).sort()).toEqual(['mux_close c1', 'mux_close c2']);
    for (const { peer } of [a, b]) expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    expect(scene.mux.handles()).toEqual([]);
    expect(await failureOf(() => Peer.connect(port))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('endLoop flushes what is queued, to a slow client as well; its input is not delivered any more (D8)', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(8 << 20, 'z'));
    await scene.fence();
    scene.mux.endLoop();
    await peer.send('late');
    await sleep(20);
    expect(scene.log).toEqual(['mux_connection c1']);
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: 8 << 20, by: 'fin' });
    await scene.loop;
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
  });

  it('endLoop gives up after drainTimeout', async () => {
    const scene = await openScene(engine, { mux: { drainTimeout: 0.1 } });
    const { fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(8 << 20, 'z'));
    await scene.fence();
    const begin = performance.now();
    scene.mux.endLoop();
    await scene.loop;
    expect(performance.now() - begin).toBeGreaterThanOrEqual(95);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
    expect(scene.mux.handles()).toEqual([]);
  });

  it('endLoop inside a callback takes effect after the batch', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          mux.endLoop();
          fh.write('last');
          scene.journal.add(`handles ${mux.handles().length}`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: 'last', by: 'fin' });
    await scene.loop;
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'handles 1', 'mux_close c1']);
  });

  it('endLoop twice is endLoop once; endLoop without a loop does nothing', async () => {
    const idle = openMux(engine);
    idle.endLoop();
    await idle.listen({ host: '127.0.0.1', port: 0 }).ready;
    const scene = await openScene(engine);
    await scene.client();
    scene.mux.endLoop();
    scene.mux.endLoop();
    await scene.loop;
    scene.mux.endLoop();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
  });

  it('a timer that is armed does not fire after endLoop', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    fh.setTimeout(0.01);
    scene.mux.endLoop();
    await scene.loop;
    await sleep(30);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
  });

  it('may run again after its end', async () => {
    const scene = await openScene(engine);
    await scene.client();
    scene.mux.endLoop();
    await scene.loop;
    const listener = await scene.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    scene.startLoop();
    const peer = await Peer.connect(listener.localPort as number);
    await peer.send('x');
    await scene.until('mux_input c2 "x"');
    scene.mux.endLoop();
    await scene.loop;
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1', 'mux_connection c2', 'mux_input c2 "x"', 'mux_close c2']);
  });

  it('which has ended by itself before endLoop could act, is not ended when it runs again', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input(mux, fh, data) {
          if (data.take().toString() !== 'end') return;
          mux.endLoop();
          mux.close(scene.listener);
          mux.close(fh);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('end');
    await scene.loop;
    const listener = scene.mux.listen({ host: '127.0.0.1', port: 0 });
    scene.startLoop();
    await listener.ready;
    await sleep(30); // what is put off is put off to the next turns of Node's loop
    expect(listener.closed).toBe(false);
    const second = await Peer.connect(listener.localPort as number);
    await second.send('x');
    await scene.until('mux_input c2 "x"');
  });

  it('can be started again by who awaits it', async () => {
    const scene = await openScene(engine, { start: false });
    for (let round = 0; round < 3; round += 1) {
      const running = scene.mux.loop();
      scene.mux.endLoop();
      await running;
    }
    expect(scene.log.filter((line) => line.startsWith('mux_connection'))).toEqual([]);
  });
});

describeAllEngines('loop: AbortSignal and dispose', (engine) => {
  it('an AbortSignal ends it like endLoop: the promise resolves, output is flushed', async () => {
    const scene = await openScene(engine, { start: false });
    const controller = new AbortController();
    const loop = scene.mux.loop({ signal: controller.signal });
    const { peer, fh } = await scene.client();
    fh.write('last');
    controller.abort();
    await loop;
    expect(await peer.end()).toMatchObject({ text: 'last', by: 'fin' });
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
  });

  it('a signal that was aborted before ends the loop without a callback but mux_close', async () => {
    const scene = await openScene(engine, { start: false });
    await scene.connect();
    await scene.mux.loop({ signal: AbortSignal.abort() });
    expect(scene.log.filter((line) => !line.startsWith('mux_close'))).toEqual([]);
  });

  it('a signal leaves no listener behind on itself', async () => {
    const controller = new AbortController();
    for (let round = 0; round < 3; round += 1) await openMux(engine).loop({ signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('something else than a signal is a TypeError', async () => {
    expect(await failureOf(() => openMux(engine).loop({ signal: {} as AbortSignal }))).toBeInstanceOf(TypeError);
  });

  it('Symbol.asyncDispose ends the loop and closes everything', async () => {
    const journal = new Journal();
    let loop: Promise<void>;
    let port: number;
    {
      await using mux = new Mux({ engine: engineOption(engine) });
      mux.setCallbackObject(recorder(journal));
      const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
      port = listener.localPort as number;
      journal.name(listener, 'listener');
      loop = mux.loop();
      await Peer.connect(port);
      await journal.until('mux_connection c1');
    }
    await loop;
    expect(journal.lines.filter((line) => line !== 'mux_close listener')).toEqual(['mux_connection c1', 'mux_close c1']);
    expect(await failureOf(() => Peer.connect(port))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('Symbol.asyncDispose without a loop closes the listeners', async () => {
    let port: number;
    {
      await using mux = new Mux({ engine: engineOption(engine) });
      port = (await mux.listen({ host: '127.0.0.1', port: 0 }).ready).localPort as number;
    }
    expect(await failureOf(() => Peer.connect(port))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ref and unref return the handle', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    expect(fh.unref()).toBe(fh);
    expect(fh.ref()).toBe(fh);
    expect(scene.listener.unref().ref()).toBe(scene.listener);
  });
});

describeAllEngines('several multiplexers in one process', (engine) => {
  it('run at the same time and know nothing of each other', async () => {
    const one = await openScene(engine);
    const two = await openScene(engine);
    const a = await one.client();
    const b = await two.client();
    await a.peer.send('to one');
    await b.peer.send('to two');
    await one.until('mux_input c1 "to one"');
    await two.until('mux_input c1 "to two"');
    expect(one.mux.handles()).toEqual([a.fh]);
    expect(two.mux.handles()).toEqual([b.fh]);
    one.mux.endLoop();
    await one.loop;
    await b.peer.send('still');
    await two.until('mux_input c1 "still"');
    expect(one.log).toEqual(['mux_connection c1', 'mux_input c1 "to one"', 'mux_close c1']);
  });

  it('one that has not been started holds up nobody', async () => {
    const idle = await openScene(engine, { start: false });
    const waiting = await idle.connect();
    await waiting.send('x');
    const busy = await openScene(engine);
    const { peer } = await busy.client();
    await peer.send('y');
    await busy.until('mux_input c1 "y"');
    await busy.fence();
    expect(idle.log).toEqual([]);
  });

  it('a callback of one may write to clients of the other', async () => {
    const two = await openScene(engine);
    const b = await two.client();
    const one = await openScene(engine, { steps: { mux_input: (_, __, data) => void b.fh.write(data.take()) } });
    const a = await one.client();
    await a.peer.send('across');
    await b.peer.expect('across');
  });

  it('a callback of one may end the other', async () => {
    const two = await openScene(engine);
    await two.client();
    const one = await openScene(engine, { steps: { mux_input: () => two.mux.endLoop() } });
    const a = await one.client();
    await a.peer.send('x');
    await two.loop;
    expect(two.log).toEqual(['mux_connection c1', 'mux_close c1']);
    await a.peer.send('y');
    await one.until('mux_input c1 "xy"');
  });

  it('handles, timers and counters are per multiplexer although the numbers may be the same', async () => {
    const scenes = [await openScene(engine), await openScene(engine)];
    for (const scene of scenes) (await scene.client()).fh.setTimeout(0.01);
    for (const scene of scenes) await scene.until('mux_timeout c1');
    for (const scene of scenes) expect(scene.log).toEqual(['mux_connection c1', 'mux_timeout c1']);
  });
});

it.skipIf(engines.length < 2)('a native and a node multiplexer run side by side and talk to each other', async () => {
  const native = await openScene('native', { steps: { mux_input: (_, fh, data) => void fh.write(`native ${data.take()}`) } });
  const node = await openScene('node', { steps: { mux_input: (_, fh, data) => void fh.write(`node ${data.take()}`) } });
  const a = await native.client();
  const b = await node.client();
  await a.peer.send('a');
  await b.peer.send('b');
  await a.peer.expect('native a');
  await b.peer.expect('node b');
  const answers: string[] = [];
  const out = native.mux.connect({ host: '127.0.0.1', port: node.port });
  native.journal.name(out, 'out');
  native.mux.setCallbackObject(
    { mux_connection: (_, fh) => void fh.write('hi'), mux_input: (_, __, data) => void answers.push(String(data.take())) },
    out,
  );
  await eventually('the answer', () => answers.length > 0);
  expect(answers).toEqual(['node hi']);
});
