import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import { eventually, fill, openScene } from './scene.js';

const MEGABYTE = 1024 * 1024;

describeAllEngines('output', (engine) => {
  it('mux.write returns the bytes taken, fh.write whether there is room', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    expect(scene.mux.write(fh, 'abc')).toBe(3);
    expect(scene.mux.write(fh, 'äöü')).toBe(6);
    expect(scene.mux.write(fh, Buffer.from('xy'))).toBe(2);
    expect(scene.mux.write(fh, new Uint8Array([0x30, 0x31]))).toBe(2);
    expect(scene.mux.write(fh, '')).toBe(0);
    expect(fh.write('end')).toBe(true);
    await peer.expect('abcäöüxy01end');
  });

  it('sends text as UTF-8 (D13)', async () => {
    const text = '☺abc ä € 😀 \u0000 \ud800 end';
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    expect(scene.mux.write(fh, text)).toBe(Buffer.byteLength(text));
    expect(scene.mux.write(fh, 'short ☺')).toBe(9);
    expect(scene.mux.write(fh, `${'a'.repeat(30)}☺`)).toBe(33);
    await peer.expect(`${Buffer.from(text).toString()}short ☺${'a'.repeat(30)}☺`);
  });

  it('sends every piece in the order of the writes, whatever their kind', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    const big = Buffer.alloc(40_000, 'B');
    fh.write('1');
    fh.write(big);
    fh.write(Buffer.from('2'));
    fh.write('x'.repeat(50_000));
    fh.write(new Uint8Array([0x33]));
    fh.write(big);
    fh.write('4');
    await peer.expect(`1${big}2${'x'.repeat(50_000)}3${big}4`);
  });

  it('coalesces what a callback writes: 1,000 writes arrive as few packets', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          for (let index = 0; index < 1000; index += 1) fh.write('0123456789');
        },
      },
    });
    const { peer } = await scene.client();
    let packets = 0;
    peer.socket.on('data', () => {
      packets += 1;
    });
    await peer.send('go');
    await peer.receive(10_000);
    expect(packets).toBeLessThan(20);
  });

  it('interleaved writes to several clients reach each in order', async () => {
    const scene = await openScene(engine);
    const clients = [await scene.client(), await scene.client(), await scene.client()];
    for (let index = 0; index < 300; index += 1) for (const { fh } of clients) fh.write(`${index},`);
    const text = Array.from({ length: 300 }, (_, index) => `${index},`).join('');
    for (const { peer } of clients) await peer.expect(text);
  });

  it.each<[string, number, number, (text: string) => string | Buffer]>([
    ['the ring', 20_000, 40, (text) => text],
    ['the slab', 2_000, 400, (text) => text],
    ['the slab', 2_000, 400, (text) => Buffer.from(text)],
  ])('more writes in one callback than %s has room for arrive complete and in order', async (_room, times, length, as) => {
    const line = (index: number) => `${index} ${'.'.repeat(length)}\n`;
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, _, data) => {
          data.consume();
          for (let index = 0; index < times; index += 1) for (const fh of mux.handles()) fh.write(as(line(index)));
        },
      },
    });
    const clients = [await scene.client(), await scene.client()];
    const text = Array.from({ length: times }, (_, index) => line(index)).join('');
    await clients[0]?.peer.send('go');
    for (const { peer } of clients) await peer.expect(text);
  });

  it('one string larger than the output slab arrives complete', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    const text = `${'ä'.repeat(MEGABYTE)}end`;
    expect(scene.mux.write(fh, text)).toBe(2 * MEGABYTE + 3);
    await peer.expect(text);
  });

  it('what is written outside a callback leaves by itself', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.write('now ');
    await peer.expect('now ');
    setTimeout(() => fh.write('timer '), 1);
    await peer.expect('timer ');
    void Promise.resolve().then(() => fh.write('microtask '));
    await peer.expect('microtask ');
    setImmediate(() => fh.write('immediate'));
    await peer.expect('immediate');
  });

  it('what a callback writes after an await leaves, too', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: async (_, fh, data) => {
          const text = data.take().toString();
          fh.write('a');
          await null;
          fh.write('b');
          await sleep(5);
          fh.write(`c ${text}`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.expect('abc x');
  });

  it('refuses what is neither text nor bytes with a TypeError, and the connection lives', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    for (const wrong of [undefined, null, 5, {}, [1], true, Symbol('s'), () => {}]) {
      expect(() => fh.write(wrong as never)).toThrow(TypeError);
      expect(() => scene.mux.write(fh, wrong as never)).toThrow(TypeError);
    }
    fh.write('fine');
    await peer.expect('fine');
  });

  it('a small buffer may be changed as soon as write has returned', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    const bytes = Buffer.from('before');
    fh.write(bytes);
    bytes.fill('X');
    await peer.expect('before');
  });

  it('shared and resizable memory is copied, however large', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    const size = 8 * MEGABYTE;
    const shared = new Uint8Array(new SharedArrayBuffer(size)).fill(0x73);
    const resizable: ArrayBuffer = Reflect.construct(ArrayBuffer, [size, { maxByteLength: 2 * size }]);
    new Uint8Array(resizable).fill(0x72);
    fh.write(shared);
    fh.write(new Uint8Array(resizable));
    shared.fill(0);
    (resizable as unknown as { resize(length: number): void }).resize(0);
    peer.startReading();
    await peer.expect(`${'s'.repeat(size)}${'r'.repeat(size)}`);
  });
});

describeAllEngines('high-water mark and limits', (engine) => {
  it('fh.write is false above the high-water mark, and mux_outbuffer_empty tells when it has drained', async () => {
    const scene = await openScene(engine, { mux: { highWaterMark: 1000 }, steps: { mux_outbuffer_empty: () => {} } });
    const { peer, fh } = await scene.client();
    expect(fh.write('x'.repeat(900))).toBe(true);
    expect(fh.write('x'.repeat(200))).toBe(false);
    expect(fh.bufferedAmount).toBe(1100);
    await scene.until('mux_outbuffer_empty c1');
    expect(fh.bufferedAmount).toBe(0);
    expect(fh.write('x')).toBe(true);
    await peer.receive(1101);
  });

  it('the high-water mark is 64 KiB when nothing else is said', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    expect(fh.write('x'.repeat(64 * 1024 - 1))).toBe(true);
    expect(fh.write('xx')).toBe(false);
  });

  it('policy close (the default): over maxOutbuffer mux_error NETMUX_OUTBUFFER_LIMIT, and the connection is closed', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 1000 } });
    const { peer, fh } = await scene.client({ reading: false });
    await fill(fh, 100);
    expect(scene.mux.write(fh, 'x'.repeat(100))).toBe(100);
    expect(scene.mux.write(fh, 'x')).toBe(undefined);
    await scene.until('mux_close c1');
    expect(fh.closed).toBe(true);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_error c1 NETMUX_OUTBUFFER_LIMIT', 'mux_close c1']);
    peer.socket.destroy();
  });

  it('policy drop: the write is refused whole and counted, the connection goes on', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 1000, outbufferPolicy: 'drop' } });
    const { peer, fh } = await scene.client({ reading: false });
    await fill(fh, 100);
    const filled = scene.mux.stats().bytesWritten + fh.bufferedAmount;
    expect(scene.mux.write(fh, 'b'.repeat(101))).toBe(undefined);
    expect(fh.write('c'.repeat(101))).toBe(false);
    expect(fh.dropped).toBe(2);
    expect(fh.writable).toBe(true);
    expect(scene.mux.write(fh, 'd'.repeat(100))).toBe(100);
    peer.startReading();
    const bytes = await peer.receive(filled + 100);
    expect(bytes.toString('latin1', filled)).toBe('d'.repeat(100));
    expect(scene.mux.write(fh, 'again')).toBe(5);
    await peer.expect('again');
    expect(scene.log).toEqual(['mux_connection c1']);
  });

  it('a callback may write any amount to a peer that reads, in pieces: what it has written is tried first', async () => {
    const count = 200;
    const scene = await openScene(engine, {
      mux: { maxOutbuffer: 1000 },
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          for (let index = 0; index < count; index += 1) fh.write(index % 2 === 0 ? 'a'.repeat(100) : Buffer.alloc(900, 'b'));
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('go');
    await peer.expect(('a'.repeat(100) + 'b'.repeat(900)).repeat(count / 2));
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "go"']);
  });

  it('one write over the limit is refused, whoever reads', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 1000, outbufferPolicy: 'drop' } });
    const { peer, fh } = await scene.client();
    expect(scene.mux.write(fh, 'x'.repeat(1001))).toBe(undefined);
    expect(scene.mux.write(fh, 'x'.repeat(1000))).toBe(1000);
    await peer.expect('x'.repeat(1000));
  });

  it('a policy of your own is asked with the handle and the bytes of the write', async () => {
    const asked: unknown[] = [];
    let answer: 'close' | 'drop' = 'drop';
    const scene = await openScene(engine, {
      mux: {
        maxOutbuffer: 100,
        outbufferPolicy: (fh, bytes) => {
          asked.push([scene.journal.nameOf(fh), bytes]);
          return answer;
        },
      },
    });
    const { fh } = await scene.client();
    expect(scene.mux.write(fh, 'x'.repeat(101))).toBe(undefined);
    expect(fh.closed).toBe(false);
    answer = 'close';
    expect(scene.mux.write(fh, 'ä'.repeat(60))).toBe(undefined);
    await scene.until('mux_close c1');
    expect(asked).toEqual([
      ['c1', 101],
      ['c1', 120],
    ]);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_error c1 NETMUX_OUTBUFFER_LIMIT', 'mux_close c1']);
  });

  it('the limit is in bytes, not in characters', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 10, outbufferPolicy: 'drop' } });
    const { peer, fh } = await scene.client();
    expect(scene.mux.write(fh, '€€€€')).toBe(undefined);
    expect(scene.mux.write(fh, '€€€')).toBe(9);
    expect(scene.mux.write(fh, '0123456789a')).toBe(undefined);
    await peer.expect('€€€');
  });

  it('a limit of 0 is no limit', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 0 } });
    const { peer, fh } = await scene.client({ reading: false });
    for (let index = 0; index < 20; index += 1) expect(scene.mux.write(fh, Buffer.alloc(MEGABYTE, index))).toBe(MEGABYTE);
    peer.startReading();
    const bytes = await peer.receive(20 * MEGABYTE);
    for (let index = 0; index < 20; index += 1) expect(bytes[index * MEGABYTE + 5]).toBe(index);
  });

  it('the limit is 16 MiB when nothing else is said', async () => {
    const scene = await openScene(engine, { mux: { outbufferPolicy: 'drop' } });
    const { fh } = await scene.client({ reading: false });
    expect(scene.mux.write(fh, Buffer.alloc(16 * MEGABYTE + 1))).toBe(undefined);
    expect(scene.mux.write(fh, Buffer.alloc(16 * MEGABYTE))).toBe(16 * MEGABYTE);
  });

  it('what the kernel has taken counts no more', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 1000, outbufferPolicy: 'drop' } });
    const { peer, fh } = await scene.client();
    for (let round = 0; round < 20; round += 1) {
      expect(scene.mux.write(fh, 'x'.repeat(1000))).toBe(1000);
      await peer.receive(1000);
      await eventually('an empty outbuffer', () => fh.bufferedAmount === 0);
    }
  });
});

describeAllEngines('mux_outbuffer_empty', (engine) => {
  it('runs once after a flush that succeeded at once', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write('a');
          fh.write('b');
        },
        mux_outbuffer_empty: () => {},
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.expect('ab');
    await scene.until('mux_outbuffer_empty c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_outbuffer_empty c1']);
  });

  it('runs after an empty write, too (S46)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write('');
        },
        mux_outbuffer_empty: () => {},
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_outbuffer_empty c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_outbuffer_empty c1']);
    expect(peer.waiting).toBe('');
  });

  it('runs once after much output to a slow client, when the last byte is gone', async () => {
    const scene = await openScene(engine, { steps: { mux_outbuffer_empty: (_, fh) => expect(fh.bufferedAmount).toBe(0) } });
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(8 * MEGABYTE, 'z'));
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1']);
    expect(fh.bufferedAmount).toBeGreaterThan(0);
    peer.startReading();
    await scene.until('mux_outbuffer_empty c1');
    await peer.receive(8 * MEGABYTE);
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_outbuffer_empty c1']);
    expect(scene.warnings).toEqual([]);
  });

  it('is the place to write the next piece: a stream larger than any buffer', async () => {
    const pieces = 200;
    let written = 0;
    const scene = await openScene(engine, {
      steps: {
        mux_outbuffer_empty: (_, fh) => {
          if (written === pieces) return fh.close();
          written += 1;
          fh.write(Buffer.alloc(50_000, written));
        },
      },
    });
    const { peer, fh } = await scene.client();
    fh.write('');
    const { bytes, by } = await peer.end();
    expect([bytes, by]).toEqual([pieces * 50_000, 'fin']);
    await scene.until('mux_close c1');
    expect(scene.log.filter((line) => line === 'mux_outbuffer_empty c1')).toHaveLength(pieces + 1);
  });

  it('does not run for others', async () => {
    const scene = await openScene(engine, { steps: { mux_outbuffer_empty: () => {} } });
    const a = await scene.client();
    await scene.client();
    a.fh.write('x');
    await scene.until('mux_outbuffer_empty c1');
    await scene.fence();
    expect(scene.log).not.toContain('mux_outbuffer_empty c2');
  });
});
