import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { InputBuffer } from '../../src/index.js';
import { describeAllEngines } from '../engines.js';
import { failureOf, openScene } from './scene.js';

describeAllEngines('input', (engine) => {
  it('what a callback leaves is presented again, with the new bytes behind it, only when new bytes come (S30)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          for (const line of data.lines()) fh.write(`<${line}>\n`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('ab');
    await scene.until('mux_input c1 "ab"');
    await scene.fence();
    await peer.send('c\nde\nf');
    await peer.expect('<abc>\n<de>\n');
    await peer.send('g\n');
    await peer.expect('<fg>\n');
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 "ab"',
      'mux_input c1 "abc\\nde\\nf"',
      'mux_input c1 "fg\\n"',
      'mux_eof c1 ""',
      'mux_close c1',
    ]);
  });

  it('the rest of each of two clients is its own', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const a = await scene.client();
    const b = await scene.client();
    await a.peer.send('aa');
    await scene.until('mux_input c1 "aa"');
    await b.peer.send('bb');
    await scene.until('mux_input c2 "bb"');
    await a.peer.send('AA');
    await b.peer.send('BB');
    await scene.until('mux_input c1 "aaAA"');
    await scene.until('mux_input c2 "bbBB"');
  });

  it('a read takes at most readSize bytes, and mux_input runs once for each (S32)', async () => {
    const scene = await openScene(engine, { start: false, mux: { readSize: 8192 } });
    const peer = await scene.connect();
    await peer.finish('x'.repeat(20_000));
    scene.startLoop();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 8192 bytes',
      'mux_input c1 8192 bytes',
      'mux_input c1 3616 bytes',
      'mux_eof c1 ""',
      'mux_close c1',
    ]);
  });

  it('a read of one byte at a time works', async () => {
    const scene = await openScene(engine, { start: false, mux: { readSize: 1 } });
    const peer = await scene.connect();
    await peer.finish('abc');
    scene.startLoop();
    await scene.until('mux_close c1');
    expect(scene.log.slice(1, -2)).toEqual(['mux_input c1 "a"', 'mux_input c1 "b"', 'mux_input c1 "c"']);
  });

  it('every byte value arrives unchanged, also in many pieces', async () => {
    const total = 1_000_000;
    const sent = Buffer.from(Uint8Array.from({ length: total }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
    const received: Buffer[] = [];
    const scene = await openScene(engine, { steps: { mux_input: (_, __, data) => void received.push(data.take()) } });
    const { peer } = await scene.client();
    await peer.finish(sent);
    await scene.until('mux_close c1');
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(scene.log.some((line) => line === 'mux_input c1 65536 bytes')).toBe(true);
  });

  it('counts what was received and sent', async () => {
    const scene = await openScene(engine, { steps: { mux_input: (_, fh, data) => void fh.write(data.take()) } });
    const { peer, fh } = await scene.client();
    expect([fh.bytesRead, fh.bytesWritten]).toEqual([0, 0]);
    await peer.send('x'.repeat(10_000));
    await peer.receive(10_000);
    await scene.fence();
    expect([fh.bytesRead, fh.bytesWritten, fh.bufferedAmount]).toEqual([10_000, 10_000, 0]);
  });

  it('take() may be kept: later input does not change it', async () => {
    const kept: Buffer[] = [];
    const scene = await openScene(engine, { steps: { mux_input: (_, __, data) => void kept.push(data.take()) } });
    const { peer } = await scene.client();
    for (const text of ['first', 'SECOND', 'third!']) {
      await peer.send(text);
      await scene.until(`mux_input c1 "${text}"`);
    }
    expect(kept.map(String)).toEqual(['first', 'SECOND', 'third!']);
  });

  it('forwards input to another client without taking it from the buffer', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          for (const other of mux.handles()) if (other !== fh) expect(mux.write(other, data)).toBe(data.length);
          expect(data.length).toBe(7);
          data.consume();
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    const c = await scene.client();
    await a.peer.send('forward');
    await b.peer.expect('forward');
    await c.peer.expect('forward');
    await scene.fence();
    expect(a.peer.waiting).toBe('');
  });

  it('forwards a view, a leftover and a mixture of both', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          if (data.length < 6) return;
          fh.write(data.view(2));
          fh.write(data);
          data.consume();
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('abc');
    await scene.until('mux_input c1 "abc"');
    await peer.send('defg');
    await peer.expect('abcdefg');
    await peer.send('0123456789');
    await peer.expect('0123456789');
  });

  it('echoes 4 MB by forwarding, byte for byte', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          fh.write(data);
          data.consume();
        },
      },
    });
    const { peer } = await scene.client();
    const sent = Buffer.from(Uint32Array.from({ length: 1 << 20 }, (_, index) => Math.imul(index, 2654435761)).buffer);
    const sending = peer.send(sent);
    const received = await peer.receive(sent.length);
    await sending;
    expect(received.equals(sent)).toBe(true);
  });
});

describeAllEngines('inbuffer', (engine) => {
  it('gives a copy of the unread input', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer, fh } = await scene.client();
    expect(scene.mux.inbuffer(fh)).toEqual(Buffer.alloc(0));
    await peer.send('unread');
    await scene.until('mux_input c1 "unread"');
    const copy = scene.mux.inbuffer(fh) as Buffer;
    expect(copy.toString()).toBe('unread');
    copy.fill(0);
    expect(String(scene.mux.inbuffer(fh))).toBe('unread');
  });

  it('replaces the unread input; it is presented with the next bytes (S94)', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer, fh } = await scene.client();
    await peer.send('i');
    await scene.until('mux_input c1 "i"');
    expect(String(scene.mux.inbuffer(fh, Buffer.from('keep')))).toBe('keep');
    await scene.fence();
    await peer.send('z');
    await scene.until('mux_input c1 "keepz"');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "i"', 'mux_input c1 "keepz"']);
  });

  it('inside mux_input it is the input that the callback sees', async () => {
    const seen: string[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          if (data.length === 1) return;
          data.consume(1);
          seen.push(String(mux.inbuffer(fh)));
          mux.inbuffer(fh, Buffer.from('keep'));
          seen.push(data.toString());
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('a');
    await scene.until('mux_input c1 "a"');
    await peer.send('bcd');
    await scene.until('mux_input c1 "abcd"');
    await peer.send('z');
    await scene.until('mux_input c1 "keepz"');
    expect(seen.slice(0, 2)).toEqual(['bcd', 'keep']);
  });

  it('an empty replacement drops the unread input', async () => {
    const scene = await openScene(engine, { steps: { mux_input: () => {} } });
    const { peer, fh } = await scene.client();
    await peer.send('old');
    await scene.until('mux_input c1 "old"');
    scene.mux.inbuffer(fh, Buffer.alloc(0));
    await peer.send('new');
    await scene.until('mux_input c1 "new"');
  });

  it('maxInbuffer: a client that is never consumed is closed with NETMUX_INBUFFER_LIMIT', async () => {
    const scene = await openScene(engine, { mux: { maxInbuffer: 10 }, steps: { mux_input: () => {} } });
    const { peer } = await scene.client();
    await peer.send('0123456789');
    await scene.until('mux_input c1 "0123456789"');
    await peer.send('x');
    await scene.until('mux_close c1');
    await peer.end();
    expect(scene.log.slice(2)).toEqual(['mux_input c1 "0123456789x"', 'mux_error c1 NETMUX_INBUFFER_LIMIT', 'mux_close c1']);
  });

  it('maxInbuffer is about what is left, not about what comes', async () => {
    const scene = await openScene(engine, { mux: { maxInbuffer: 10 } });
    const { peer } = await scene.client();
    await peer.send('x'.repeat(1000));
    await scene.until('mux_input c1 1000 bytes');
    await peer.send('y');
    await scene.until('mux_input c1 "y"');
  });
});

describeAllEngines('input expires', (engine) => {
  const uses: [string, (data: InputBuffer) => unknown][] = [
    ['length', (data) => data.length],
    ['consume', (data) => data.consume(0)],
    ['at', (data) => data.at(0)],
    ['indexOf', (data) => data.indexOf('x')],
    ['peek', (data) => data.peek(0)],
    ['take', (data) => data.take(0)],
    ['view', (data) => data.view(0)],
    ['readLine', (data) => data.readLine()],
    ['lines', (data) => [...data.lines()]],
    ['readFrame', (data) => data.readFrame(1)],
    ['readUInt8', (data) => data.readUInt8()],
    ['toString', (data) => data.toString()],
  ];

  it.each(uses)('%s throws NETMUX_INPUT_EXPIRED after the first await', async (_, use) => {
    const outcomes: unknown[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: async (_, __, data) => {
          data.consume(1);
          await sleep(5);
          outcomes.push(await failureOf(() => use(data)).catch((error: Error) => error.message));
          scene.journal.add('used');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('abc');
    await scene.until('used');
    expect(outcomes).toMatchObject([{ code: 'NETMUX_INPUT_EXPIRED' }]);
  });

  it("an await inside one client's callback never shows it another client's bytes", async () => {
    const leaked: string[] = [];
    const scene = await openScene(engine, {
      start: false,
      steps: {
        mux_input: async (_, fh, data) => {
          const mine = data.peek().toString();
          await null;
          try {
            const text = data.toString();
            if (text !== mine) leaked.push(`${scene.journal.nameOf(fh)} saw ${text}`);
          } catch {
            scene.journal.add('expired');
          }
        },
      },
    });
    const peers = await Promise.all(Array.from({ length: 8 }, () => scene.connect()));
    await Promise.all(peers.map((peer, index) => peer.send(`secret of ${index}`)));
    scene.startLoop();
    await scene.until('expired', 8);
    expect(leaked).toEqual([]);
  });

  it('a buffer that was sealed by a promise does not disturb the next callback', async () => {
    let first: InputBuffer | undefined;
    const scene = await openScene(engine, {
      steps: {
        mux_input: async (_, __, data) => {
          first ??= data;
          data.consume(1);
          await sleep(1);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('ab');
    await scene.until('mux_input c1 "ab"');
    await peer.send('c');
    await scene.until('mux_input c1 "bc"');
    await peer.send('d');
    await scene.until('mux_input c1 "cd"');
    expect(() => (first as InputBuffer).length).toThrow(expect.objectContaining({ code: 'NETMUX_INPUT_EXPIRED' }));
  });

  it('an object that a promise took along is never given to another callback', async () => {
    const kept: InputBuffer[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: async (_, __, data) => {
          for (const earlier of kept) expect(() => earlier.toString()).toThrow(expect.objectContaining({ code: 'NETMUX_INPUT_EXPIRED' }));
          kept.push(data);
          data.consume();
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    for (const { peer } of [a, b, a]) {
      await peer.send('x');
      await scene.fence();
    }
    expect(kept).toHaveLength(3);
    expect(scene.warnings).toEqual([]);
  });

  it('what was consumed before the await stays consumed', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: async (_, fh, data) => {
          const line = data.readLine();
          await sleep(1);
          fh.write(`${line}!`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('one\ntw');
    await peer.expect('one!');
    await peer.send('o\n');
    await peer.expect('two!');
  });

  it('a view cannot be written after its callback has returned', async () => {
    let kept: Buffer | undefined;
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, __, data) => {
          kept = data.view();
        },
      },
    });
    const { peer, fh } = await scene.client();
    await peer.send('abc');
    await scene.until('mux_input c1 "abc"');
    await scene.fence();
    expect(await failureOf(() => fh.write(kept as Buffer))).toMatchObject({ code: 'NETMUX_INPUT_EXPIRED' });
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
  });

  it('the input of mux_eof expires, too', async () => {
    let kept: InputBuffer | undefined;
    const scene = await openScene(engine, {
      steps: {
        mux_input: () => {},
        mux_eof: async (_, __, data) => {
          kept = data;
          await sleep(1);
          scene.journal.add('later');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.finish('rest');
    await scene.until('later');
    expect(scene.log).toContain('mux_eof c1 "rest"');
    expect(() => (kept as InputBuffer).toString()).toThrow(expect.objectContaining({ code: 'NETMUX_INPUT_EXPIRED' }));
  });
});
