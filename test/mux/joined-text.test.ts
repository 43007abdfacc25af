/** Texts that a callback writes one behind the other are encoded together: nobody can tell, but by the clock. */
import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import { fill, openScene } from './scene.js';

describeAllEngines('text written in a callback', (engine) => {
  it('arrives in the order of the writes, among bytes, input and the writes of others', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          const [other] = mux.handles().filter((handle) => handle !== fh && handle !== scene.listener);
          fh.write('1');
          fh.write('ä2');
          other!.write('o1');
          fh.write(Buffer.from('3'));
          fh.write('4');
          fh.write(data);
          data.consume();
          fh.write('x'.repeat(5000));
          mux.write(fh, '€');
          other!.write('o2');
          fh.write('5');
          fh.write('');
          fh.print('6', 7);
          fh.write('8');
        },
      },
    });
    const { peer: other } = await scene.client();
    const { peer } = await scene.client();
    await peer.send('IN');
    await peer.expect(`1ä234IN${'x'.repeat(5000)}€5678`);
    await other.expect('o1o2');
  });

  it('is counted in bytes by who asks', async () => {
    const counts: unknown[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          fh.write('ää');
          fh.write('€');
          counts.push(fh.bufferedAmount, mux.write(fh, 'ö'), fh.bufferedAmount, mux.outbuffer(fh)?.toString());
          fh.write('ü');
          counts.push(mux.outbuffer(fh)?.toString(), fh.bufferedAmount);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.expect('ää€öü');
    expect(counts).toEqual([7, 2, 9, 'ää€ö', 'ää€öü', 11]);
  });

  it('that passes highWaterMark says so in the write that passes it', async () => {
    const answers: boolean[] = [];
    const scene = await openScene(engine, {
      mux: { highWaterMark: 12_290 },
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          answers.push(fh.write('€'.repeat(4096)), fh.write('ab'), fh.write('c'));
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.expect(`${'€'.repeat(4096)}abc`);
    expect(answers).toEqual([true, true, false]);
  });

  it('that does not fit into maxOutbuffer is refused, to the byte', async () => {
    const seen: unknown[] = [];
    const scene = await openScene(engine, {
      mux: { maxOutbuffer: 100_000, outbufferPolicy: 'drop', highWaterMark: 100_000 },
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          for (const text of ['ää', 'ää', 'ä', '€', 'ab', 'c']) seen.push(fh.write(text), fh.dropped);
        },
      },
    });
    const { peer, fh } = await scene.client({ reading: false });
    await fill(fh, 10);
    const filled = scene.mux.stats().bytesWritten + fh.bufferedAmount;
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    peer.startReading();
    const bytes = await peer.receive(filled + 10);
    expect(bytes.toString('utf8', filled)).toBe('äääää');
    expect(seen).toEqual([true, 0, true, 0, true, 0, false, 1, false, 2, false, 3]);
  });

  it('counts against maxOutbuffer in bytes also when bytes follow it', async () => {
    const seen: unknown[] = [];
    const limit = 30_000;
    const scene = await openScene(engine, {
      mux: { maxOutbuffer: limit, outbufferPolicy: 'drop' },
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          seen.push(fh.write('€'.repeat(2000)), fh.write(Buffer.alloc(1)), fh.dropped);
        },
      },
    });
    const { peer, fh } = await scene.client({ reading: false });
    await fill(fh, 6000);
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    expect(seen).toEqual([true, false, 1]);
  });

  it('is dropped by killOutput, and sent by a graceful close', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          if (data.take().toString() === 'kill') {
            fh.write('lost');
            mux.killOutput(fh);
            fh.write('kept');
          } else {
            fh.write('good');
            fh.write('bye');
            fh.close();
          }
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('kill');
    await peer.expect('kept');
    await peer.send('close');
    await peer.expect('goodbye');
  });

  it('is sent although the next callback of the batch throws', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          fh.write(`answer to ${data.take()}`);
          if (fh.data === 'bad') throw new Error('as wanted');
        },
        mux_connection: (_, fh) => {
          fh.data = 'good';
        },
      },
    });
    const good = await scene.client();
    const bad = await scene.client();
    bad.fh.data = 'bad';
    await Promise.all([good.peer.send('a'), bad.peer.send('b')]);
    await good.peer.expect('answer to a');
  });
});
