import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import type { Peer } from './peer.js';
import { block, openScene } from './scene.js';

const MEGABYTES_8 = 8 * 1024 * 1024;

describeAllEngines('close: graceful', (engine) => {
  it('after a write: the text, then FIN; mux_eof, mux_outbuffer_empty, mux_close (S38)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write('bye\n');
          fh.close();
          scene.journal.add('after close');
        },
        mux_outbuffer_empty: () => {},
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: 'bye\n', by: 'fin' });
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 "x"',
      'after close',
      'mux_eof c1 ""',
      'mux_outbuffer_empty c1',
      'mux_close c1',
    ]);
  });

  it('with nothing queued and nothing unread: mux_close inside the call, no mux_eof (S39)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.close();
          scene.journal.add(`after close: closed ${fh.closed}, fd ${fh.fd}`);
        },
        mux_outbuffer_empty: () => {},
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_close c1', 'after close: closed true, fd -1']);
  });

  it('with unread input and nothing queued: FIN, mux_eof with that input, mux_close (S40)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh) => {
          fh.close();
          scene.journal.add('after close');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('left');
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "left"', 'after close', 'mux_eof c1 "left"', 'mux_close c1']);
  });

  it('in mux_connection with a greeting: the greeting arrives (S80)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => {
          fh.write('go away\n');
          fh.close();
        },
      },
    });
    const peer = await scene.connect();
    expect(await peer.end()).toMatchObject({ text: 'go away\n', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('in mux_connection without a word: mux_close inside it (S80)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => {
          fh.close();
          scene.journal.add('after close');
        },
      },
    });
    const peer = await scene.connect();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1', 'after close']);
  });

  it('in mux_eof with text: the text, no second mux_eof', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_eof: (_, fh) => {
          fh.write('last');
          fh.close();
        },
      },
    });
    const { peer } = await scene.client();
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: 'last', by: 'fin' });
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('outside a callback works the same', async () => {
    const scene = await openScene(engine, { steps: { mux_outbuffer_empty: () => {} } });
    const { peer, fh } = await scene.client();
    fh.write('bye');
    fh.close();
    expect(await peer.end()).toMatchObject({ text: 'bye', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_outbuffer_empty c1', 'mux_close c1']);
  });

  it('delivers 8 MB to a slow client; its later input is thrown away (S45 with D5)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write(Buffer.alloc(MEGABYTES_8, 'z'));
          fh.close();
        },
      },
    });
    const { peer } = await scene.client({ reading: false });
    await peer.send('x');
    await scene.until('mux_eof c1 ""');
    await peer.send('late');
    await scene.fence();
    peer.startReading();
    const { text, bytes, by } = await peer.end();
    expect([bytes, by, /^z*$/.test(text)]).toEqual([MEGABYTES_8, 'fin', true]);
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('unread bytes in the kernel do not turn the close into a reset: 500,000 bytes queued, 4 unread (D5)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.pause();
          scene.journal.add('paused');
        },
      },
    });
    const { peer, fh } = await scene.client({ reading: false });
    await peer.send('x');
    await scene.until('paused');
    await scene.fence();
    await peer.send('four');
    fh.write(Buffer.alloc(500_000, 'z'));
    fh.close();
    await scene.fence();
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: 500_000, by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log.at(-1)).toBe('mux_close c1');
    expect(scene.log.filter((line) => line.startsWith('mux_input'))).toEqual(['mux_input c1 "x"']);
  });

  it('a client that goes on sending after a flushed close gets everything and no reset before it has read it', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write(Buffer.alloc(200_000, 'z'));
          fh.close();
        },
      },
    });
    const { peer } = await scene.client({ reading: false });
    for (let index = 0; index < 50; index += 1) await peer.send('x'.repeat(1000));
    await sleep(20);
    await peer.send('and more');
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: 200_000, by: 'fin' });
    await scene.until('mux_close c1');
  });

  it('calling close twice is calling it once', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.write('bye');
    fh.close();
    fh.close();
    fh.shutdown(2);
    expect(await peer.end()).toMatchObject({ text: 'bye', by: 'fin' });
    await scene.until('mux_close c1');
    fh.close();
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('after close with output queued nothing more can be written', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.write('first');
    fh.close();
    expect(fh.writable).toBe(false);
    expect(fh.write('second')).toBe(false);
    expect(scene.mux.write(fh, 'third')).toBe(undefined);
    expect(await peer.end()).toMatchObject({ text: 'first', by: 'fin' });
  });

  it('a reset during the flush of a close: mux_epipe, mux_close', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(MEGABYTES_8, 'z'));
    fh.close();
    await scene.until('mux_eof c1 ""');
    await scene.fence();
    peer.reset();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_epipe c1', 'mux_close c1']);
  });
});

describeAllEngines('close: immediate (mux.close)', (engine) => {
  it('drops what is queued, runs mux_close inside the call, not mux_eof; later writes do nothing (S41)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          fh.write('lost\n');
          mux.close(fh);
          scene.journal.add(`after close write=${mux.write(fh, 'more\n')}`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_close c1', 'after close write=undefined']);
  });

  it('closes another client: mux_close of that one inside the call, its client sees the end (S79)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          for (const other of mux.handles()) if (other !== fh) mux.close(other);
          scene.journal.add('kicked');
          fh.write('done\n');
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    await a.peer.send('kick');
    await a.peer.expect('done\n');
    expect(await b.peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_connection c2', 'mux_input c1 "kick"', 'mux_close c2', 'kicked']);
  });

  it('a client that is closed by another one in the same batch gets no more callbacks', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh) => {
          for (const other of mux.handles()) if (other !== fh) mux.close(other);
        },
      },
    });
    const peers: Peer[] = [];
    for (let index = 0; index < 10; index += 1) peers.push((await scene.client()).peer);
    const sent = Promise.all(peers.map((peer) => peer.finish('x')));
    block(20); // what the kernel has is read in the next look at all of them
    await sent;
    for (let index = 1; index <= 10; index += 1) await scene.until(`mux_close c${index}`);
    const inputs = scene.log.filter((line) => line.startsWith('mux_input'));
    expect(inputs).toHaveLength(1);
    const survivor = inputs[0]?.split(' ')[1];
    for (let index = 1; index <= 10; index += 1) {
      const mine = scene.log.filter((line) => line.split(' ')[1] === `c${index}`).map((line) => line.split(' ')[0]);
      expect(mine).toEqual(
        `c${index}` === survivor ? ['mux_connection', 'mux_input', 'mux_eof', 'mux_close'] : ['mux_connection', 'mux_close'],
      );
    }
  });

  it('nested: mux_close that closes the next client, 1,000 deep, closes all of them, each once', async () => {
    const total = 1000;
    const scene = await openScene(engine, {
      steps: {
        mux_close: (mux) => {
          const [next] = mux.handles();
          if (next !== undefined) mux.close(next);
        },
      },
    });
    for (let index = 0; index < total; index += 100) await Promise.all(Array.from({ length: 100 }, () => scene.connect()));
    await scene.until(`mux_connection c${total}`);
    scene.mux.close(scene.journal.handleOf('c1'));
    await scene.fence();
    const closed = scene.log.filter((line) => line.startsWith('mux_close'));
    expect(closed).toHaveLength(total);
    expect(new Set(closed).size).toBe(total);
    expect(scene.warnings).toEqual([]);
  });
});

describeAllEngines('shutdown', (engine) => {
  it('shutdown(fh, 1) on a quiet connection is a true half-close (S42 with D4)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          if (data.take().toString() !== '1') return;
          mux.shutdown(fh, 1);
          scene.journal.add(`after shutdown known=${mux.handles().length} writable=${fh.writable}`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('1');
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await peer.send('still here');
    await scene.until('mux_input c1 "still here"');
    await peer.finish();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 "1"',
      'after shutdown known=1 writable=false',
      'mux_input c1 "still here"',
      'mux_eof c1 ""',
      'mux_close c1',
    ]);
  });

  it('shutdown(fh, 0) on a quiet connection is a true half-close: no mux_eof, no input, output goes on (S42 with D4)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          mux.shutdown(fh, 0);
          scene.journal.add(`after shutdown known=${mux.handles().length} writable=${fh.writable}`);
        },
      },
    });
    const { peer, fh } = await scene.client();
    await peer.send('0');
    await scene.until('after shutdown known=1 writable=true');
    await peer.send('ignored');
    await scene.fence();
    fh.write('output');
    await peer.expect('output');
    await scene.fence();
    fh.shutdown(1);
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "0"', 'after shutdown known=1 writable=true', 'mux_close c1']);
  });

  it('shutdown(fh, 0) drops what was unread', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer, fh } = await scene.client();
    await peer.send('unread');
    await scene.until('mux_input c1 "unread"');
    fh.shutdown(0);
    fh.shutdown(1);
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "unread"', 'mux_close c1']);
    expect(await peer.end()).toMatchObject({ by: 'fin' });
  });

  it("after shutdown(fh, 0) the peer's FIN is not reported; what is queued is still delivered", async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(MEGABYTES_8, 'z'));
    fh.shutdown(0);
    await peer.finish('bye');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1']);
    fh.write('end');
    fh.shutdown(1);
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: MEGABYTES_8 + 3, by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
  });

  it('shutdown(fh, 1) with output queued: what was written is delivered, more is refused, then FIN; reading goes on (S44 with D4)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          if (data.take().toString() !== 'x') return;
          scene.journal.add(`write one=${mux.write(fh, 'one\n')}`);
          mux.shutdown(fh, 1);
          scene.journal.add(`write two=${mux.write(fh, 'two\n')}`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: 'one\n', by: 'fin' });
    await peer.send('y');
    await scene.until('mux_input c1 "y"');
    await peer.finish();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 "x"',
      'write one=4',
      'write two=undefined',
      'mux_input c1 "y"',
      'mux_eof c1 ""',
      'mux_close c1',
    ]);
  });

  it('shutdown(fh, 2) is the graceful close', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          fh.write('bye');
          mux.shutdown(fh, 2);
          scene.journal.add('after shutdown');
        },
        mux_outbuffer_empty: () => {},
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: 'bye', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log.slice(2)).toEqual(['after shutdown', 'mux_eof c1 ""', 'mux_outbuffer_empty c1', 'mux_close c1']);
  });

  it('shutdown(fh, 2) with nothing queued closes inside the call', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    scene.mux.shutdown(fh, 2);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
    expect(await peer.end()).toMatchObject({ by: 'fin' });
  });

  it('shutdown(fh, 0) and then shutdown(fh, 1), or the other way round, close inside the second call', async () => {
    for (const [first, second] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const scene = await openScene(engine);
      const { peer, fh } = await scene.client();
      fh.shutdown(first);
      await scene.fence();
      expect(scene.log).toEqual(['mux_connection c1']);
      fh.shutdown(second);
      expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
      expect(await peer.end()).toMatchObject({ by: 'fin' });
    }
  });

  it('any other direction is a TypeError', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    for (const how of [-1, 3, 1.5, '1', undefined, null, Number.NaN]) {
      expect(() => fh.shutdown(how as never)).toThrow(TypeError);
      expect(() => scene.mux.shutdown(fh, how as never)).toThrow(TypeError);
    }
    expect(fh.closed).toBe(false);
  });

  // In memory nothing happens at the same time: the FIN is dealt with before `finish` returns.
  it.skipIf(engine === 'memory')('shutdown(fh, 1) and the FIN of the client at the same time close once', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    await peer.finish();
    fh.write('text');
    fh.shutdown(1);
    expect(await peer.end()).toMatchObject({ text: 'text', by: 'fin' });
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });
});
