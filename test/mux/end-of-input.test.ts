import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import { eventually, openScene } from './scene.js';

const MEGABYTES_8 = 8 * 1024 * 1024;

describeAllEngines('end of input', (engine) => {
  it('text written in mux_eof is delivered before the connection is closed (S34)', async () => {
    const scene = await openScene(engine, {
      steps: { mux_eof: (_, fh, data) => void fh.write(`bye ${data.toString()}`), mux_input: () => {}, mux_outbuffer_empty: () => {} },
    });
    const { peer } = await scene.client();
    await peer.finish('rest');
    expect(await peer.end()).toMatchObject({ text: 'bye rest', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "rest"', 'mux_eof c1 "rest"', 'mux_outbuffer_empty c1', 'mux_close c1']);
  });

  it('after text in mux_eof nobody needs to call shutdown: the connection closes by itself (D16)', async () => {
    const scene = await openScene(engine, { steps: { mux_eof: (_, fh) => void fh.write('bye\n') } });
    const { peer } = await scene.client();
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: 'bye\n', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
    expect(scene.mux.handles()).toEqual([]);
  });

  it('delivers 8 MB to a client that has finished and reads late (S35)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          scene.journal.add(`write ${mux.write(fh, Buffer.alloc(MEGABYTES_8, 'z'))}`);
        },
      },
    });
    const { peer } = await scene.client({ reading: false });
    await peer.finish('go');
    await scene.until('mux_eof c1 ""');
    await scene.fence();
    expect(scene.log).not.toContain('mux_close c1');
    peer.startReading();
    const { text, bytes, by } = await peer.end();
    expect([bytes, by, /^z*$/.test(text)]).toEqual([MEGABYTES_8, 'fin', true]);
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "go"', `write ${MEGABYTES_8}`, 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('nothing can be written after mux_eof has returned', async () => {
    const scene = await openScene(engine, {
      steps: { mux_input: (_, fh, data) => void fh.write(Buffer.alloc(data.take().length * MEGABYTES_8, 'z')) },
    });
    const { peer, fh } = await scene.client({ reading: false });
    await peer.finish('x');
    await scene.until('mux_eof c1 ""');
    expect(fh.writable).toBe(false);
    expect(scene.mux.write(fh, 'late')).toBe(undefined);
    expect(fh.write('late')).toBe(false);
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: MEGABYTES_8, by: 'fin' });
  });

  it('with allowHalfOpen the callback decides: the connection stays until it shuts down writing', async () => {
    const scene = await openScene(engine, { mux: { allowHalfOpen: true } });
    const { peer, fh } = await scene.client();
    await peer.finish('question');
    await scene.until('mux_eof c1 ""');
    await scene.fence();
    expect(fh.closed).toBe(false);
    expect(fh.writable).toBe(true);
    fh.write('answer 1 ');
    await peer.expect('answer 1 ');
    fh.write('answer 2');
    fh.shutdown(1);
    expect(await peer.end()).toMatchObject({ text: 'answer 2', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "question"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('with allowHalfOpen shutdown(1) inside mux_eof closes at once when nothing is queued', async () => {
    const scene = await openScene(engine, {
      mux: { allowHalfOpen: true },
      steps: {
        mux_eof: (mux, fh) => {
          mux.shutdown(fh, 1);
          scene.journal.add('after shutdown');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.until('mux_close c1');
    await scene.until('after shutdown');
    expect(scene.log).toHaveLength(4);
    expect(scene.log.slice(0, 2)).toEqual(['mux_connection c1', 'mux_eof c1 ""']);
  });

  it('with allowHalfOpen a reset closes all the same', async () => {
    const scene = await openScene(engine, { mux: { allowHalfOpen: true } });
    const { peer } = await scene.client();
    peer.reset();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('with allowHalfOpen a reset after the end of input ends the connection: at once, or with the next write (docs/engines.md)', async () => {
    const scene = await openScene(engine, { mux: { allowHalfOpen: true } });
    const { peer, fh } = await scene.client();
    await peer.finish();
    await scene.until('mux_eof c1 ""');
    peer.reset();
    await sleep(10);
    await scene.fence();
    if (engine === 'node') fh.write('into the void');
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_epipe c1', 'mux_close c1']);
  });

  it('a reset with output queued: mux_eof, then mux_epipe, then mux_close (S37)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write(Buffer.alloc(MEGABYTES_8, 'z'));
        },
      },
    });
    const { peer, fh } = await scene.client({ reading: false });
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    await scene.fence();
    expect(fh.bufferedAmount).toBeGreaterThan(0);
    peer.reset();
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_eof c1 ""', 'mux_epipe c1', 'mux_close c1']);
  });

  it('a write to a client that has reset and of which nothing was heard yet: mux_epipe or mux_eof, then mux_close, never a throw', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.pause();
    await scene.fence();
    peer.reset();
    await sleep(20);
    fh.write('into the void');
    await scene.until('mux_close c1');
    await scene.fence();
    const between = scene.log.slice(1, -1);
    expect(between.filter((line) => line === 'mux_epipe c1').length).toBeLessThanOrEqual(1);
    expect(between.filter((line) => line !== 'mux_epipe c1' && line !== 'mux_eof c1 ""')).toEqual([]);
    expect(between.length).toBeGreaterThan(0);
    expect(scene.log.at(-1)).toBe('mux_close c1');
  });

  it('a connection that was reset before it was accepted disturbs nobody', async () => {
    const scene = await openScene(engine, { start: false });
    const gone = await scene.connect();
    gone.reset();
    await sleep(20);
    const peer = await scene.connect();
    scene.startLoop();
    await peer.send('alive');
    await eventually('the input of the client that lives', () => scene.log.some((line) => line.endsWith('"alive"')));
    await scene.fence();
    const announced = scene.log.filter((line) => line.startsWith('mux_connection')).length;
    expect(scene.mux.handles()).toHaveLength(1);
    expect(scene.log.filter((line) => line.startsWith('mux_close'))).toHaveLength(announced - 1);
  });

  it('without mux_eof and mux_close in the object the connection ends just as well', async () => {
    const scene = await openScene(engine);
    scene.mux.setCallbackObject({ mux_input: (_, fh, data) => void fh.write(data.take()) });
    const peer = await scene.connect();
    await peer.finish('echo');
    expect(await peer.end()).toMatchObject({ text: 'echo', by: 'fin' });
    await eventually('no handle', () => scene.mux.handles().length === 0);
  });
});
