import { expect, it } from 'vitest';
import type { Handle, Mux } from '../../src/index.js';
import { describeAllEngines, kernelIsDifficult } from '../engines.js';
import { block, openScene } from './scene.js';

describeAllEngines('order of callbacks', (engine) => {
  it('connection, input for each chunk, end of input, close', async () => {
    const scene = await openScene(engine);
    const { peer } = await scene.client();
    await peer.send('one');
    await scene.until('mux_input c1 "one"');
    await peer.send('two');
    await scene.until('mux_input c1 "two"');
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "one"', 'mux_input c1 "two"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('a client that says nothing gets connection, end of input, close', async () => {
    const scene = await openScene(engine);
    const { peer } = await scene.client();
    await peer.finish();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('data and FIN that come together are input first, then the end with what was left', async () => {
    const scene = await openScene(engine, { start: false, steps: { mux_input: (_, __, data) => data.consume(2) } });
    const peer = await scene.connect();
    await peer.finish('hello');
    scene.startLoop();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "hello"', 'mux_eof c1 "llo"', 'mux_close c1']);
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
  });

  it('data and FIN sent in one go while the server computes arrive in order, too', async () => {
    const scene = await openScene(engine, { steps: { mux_input: (_, __, data) => data.consume(2) } });
    const { peer } = await scene.client();
    const sent = peer.finish('hello');
    block(20);
    await sent;
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "hello"', 'mux_eof c1 "llo"', 'mux_close c1']);
  });

  it('what is accepted in a turn is read in a later one: everybody is welcomed before the first input', async () => {
    const batches = new Map<Handle, number[]>();
    const note = (mux: Mux, fh: Handle): void => {
      batches.set(fh, [...(batches.get(fh) ?? []), mux.stats().engine.batches]);
    };
    const scene = await openScene(engine, { start: false, steps: { mux_connection: note, mux_input: note } });
    for (let index = 1; index <= 5; index += 1) await (await scene.connect()).send(`from ${index}`);
    scene.startLoop();
    for (let index = 1; index <= 5; index += 1) await scene.until(`mux_input c${index} "from ${index}"`);
    expect(batches.size).toBe(5);
    for (const [accepted, read] of batches.values()) expect(read).toBeGreaterThan(accepted!);
    // Where the kernel says that nobody else waits, who does is accepted in a later turn.
    if (kernelIsDifficult) return;
    expect(scene.log.filter((line) => line.startsWith('mux_connection'))).toEqual(scene.log.slice(0, 5));
  });

  it('the same handle object is passed to every callback and can be the key of a Map', async () => {
    const seen = new Map<Handle, string[]>();
    const note = (callback: string) => (_: Mux, fh: Handle) => {
      seen.set(fh, [...(seen.get(fh) ?? []), callback]);
    };
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (mux, fh) => {
          note('connection')(mux, fh);
          fh.setTimeout(0);
        },
        mux_timeout: (mux, fh) => {
          note('timeout')(mux, fh);
          fh.write('text');
        },
        mux_outbuffer_empty: note('outbuffer_empty'),
        mux_input: (mux, fh, data) => {
          note('input')(mux, fh);
          data.consume();
        },
        mux_eof: note('eof'),
        mux_close: note('close'),
      },
    });
    const { peer } = await scene.client();
    await peer.expect('text');
    await peer.finish('x');
    await scene.until('mux_close c1');
    expect([...seen.values()]).toEqual([['connection', 'timeout', 'outbuffer_empty', 'input', 'eof', 'close']]);
  });

  it('handles() has the clients, without the listeners, from mux_connection until before mux_close', async () => {
    const counts: string[] = [];
    const count = (where: string) => (mux: Mux) => {
      counts.push(`${where} ${mux.handles().length}`);
    };
    const scene = await openScene(engine, {
      steps: { mux_connection: count('connection'), mux_eof: count('eof'), mux_close: count('close') },
    });
    expect(scene.mux.handles()).toEqual([]);
    const a = await scene.client();
    const b = await scene.client();
    expect(scene.mux.handles()).toEqual([a.fh, b.fh]);
    await a.peer.finish();
    await scene.until('mux_close c1');
    await b.peer.finish();
    await scene.until('mux_close c2');
    expect(counts).toEqual(['connection 1', 'connection 2', 'eof 2', 'close 1', 'eof 1', 'close 0']);
  });

  it('addresses and counters of a handle still answer in its mux_close', async () => {
    const answers: unknown[] = [];
    const scene = await openScene(engine, {
      steps: { mux_close: (_, fh) => void answers.push(fh.closed, fh.remoteAddress, fh.remotePort, fh.localPort, fh.bytesRead) },
    });
    const { peer, fh } = await scene.client();
    await peer.finish('12345');
    await scene.until('mux_close c1');
    expect(answers).toEqual([true, '127.0.0.1', peer.socket.localPort, scene.port, 5]);
    expect([fh.fd, fh.remoteAddress, fh.localPort]).toEqual([-1, undefined, undefined]);
  });

  it('a callback may write to every other client (S76)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          const text = data.take().toString();
          for (const other of mux.handles()) other.write(`${scene.journal.nameOf(fh)}: ${text}`);
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    await a.peer.send('hi');
    await a.peer.expect('c1: hi');
    await b.peer.expect('c1: hi');
    await a.peer.finish();
    await scene.until('mux_close c1');
    await b.peer.send('yo');
    await b.peer.expect('c2: yo');
    expect(a.peer.waiting).toBe('');
  });

  it('a reset looks like the end of input: mux_eof, mux_close, no other callback (S36)', async () => {
    const scene = await openScene(engine);
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    peer.reset();
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('a reset after unread input gives mux_eof what was left', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer } = await scene.client();
    await peer.send('partial');
    await scene.until('mux_input c1 "partial"');
    peer.reset();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "partial"', 'mux_eof c1 "partial"', 'mux_close c1']);
  });

  it('many clients at once: each sees its own callbacks in order', async () => {
    const scene = await openScene(engine);
    const peers = await Promise.all(Array.from({ length: 60 }, () => scene.connect()));
    await Promise.all(peers.map((peer) => peer.finish('ping')));
    for (let index = 1; index <= 60; index += 1) await scene.until(`mux_close c${index}`);
    for (let index = 1; index <= 60; index += 1) {
      const mine = scene.log.filter((line) => line.split(' ')[1] === `c${index}`);
      expect(mine).toEqual([`mux_connection c${index}`, `mux_input c${index} "ping"`, `mux_eof c${index} ""`, `mux_close c${index}`]);
    }
    expect(scene.log).toHaveLength(240);
  });
});
