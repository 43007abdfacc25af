import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import { openScene } from './scene.js';

const MEGABYTE = 1024 * 1024;

describeAllEngines('outbuffer and killOutput', (engine) => {
  /** What cannot be taken back: on the pure-Node engine one piece that libuv is sending (docs/engines.md). */
  const inFlight = engine === 'node' ? 64 * 1024 : 0;

  it('outbuffer gives a copy of what is unsent', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          scene.journal.add(`outbuffer ${JSON.stringify(String(mux.outbuffer(fh)))}`);
          fh.write('abc');
          fh.write(Buffer.from('def'));
          const copy = mux.outbuffer(fh) as Buffer;
          scene.journal.add(`outbuffer ${JSON.stringify(String(copy))}`);
          copy.fill('X');
        },
      },
    });
    const { peer, fh } = await scene.client();
    await peer.send('x');
    await peer.expect('abcdef');
    await scene.fence();
    expect(scene.log.slice(2)).toEqual(['outbuffer ""', 'outbuffer "abcdef"']);
    expect(scene.mux.outbuffer(fh)).toEqual(Buffer.alloc(0));
  });

  it('outbuffer tells what a slow client has not taken, together with what was written since', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(8 * MEGABYTE, 'z'));
    await scene.fence();
    fh.write('new');
    const unsent = scene.mux.outbuffer(fh) as Buffer;
    expect(unsent.length).toBe(fh.bufferedAmount);
    expect(unsent.length).toBeGreaterThan(1000);
    expect(unsent.subarray(-5).toString()).toBe('zznew');
    expect(fh.bytesWritten + unsent.length).toBe(8 * MEGABYTE + 3);
    peer.startReading();
    const all = await peer.receive(8 * MEGABYTE + 3);
    expect(all.subarray(-5).toString()).toBe('zznew');
  });

  it('setting the outbuffer replaces what is unsent, and it is sent (S94 with D16)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          fh.write('old');
          scene.journal.add(`outbuffer ${mux.outbuffer(fh, Buffer.from('AA'))}`);
          fh.write('BB');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('o');
    await peer.expect('AABB');
    await scene.fence();
    expect(peer.waiting).toBe('');
    expect(scene.log.slice(2)).toEqual(['outbuffer AA']);
  });

  it('setting the outbuffer outside a callback sends it', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    scene.mux.outbuffer(fh, Buffer.from('0'));
    await peer.expect('0');
  });

  it('killOutput drops what is queued, without mux_outbuffer_empty; the connection goes on (S47)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          if (data.take().toString() !== 'k') return void fh.write('kept');
          fh.write('dropped');
          mux.killOutput(fh);
          scene.journal.add(`outbuffer ${mux.outbuffer(fh)?.length} ${fh.bufferedAmount}`);
        },
        mux_outbuffer_empty: () => {},
      },
    });
    const { peer } = await scene.client();
    await peer.send('k');
    await scene.until('outbuffer 0 0');
    await scene.fence();
    expect(peer.waiting).toBe('');
    await peer.send('x');
    await peer.expect('kept');
    await scene.until('mux_outbuffer_empty c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "k"', 'outbuffer 0 0', 'mux_input c1 "x"', 'mux_outbuffer_empty c1']);
  });

  it('killOutput after part has been sent drops the rest; later writes follow directly', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(8 * MEGABYTE, 'z'));
    await scene.fence();
    const sent = fh.bytesWritten;
    scene.mux.killOutput(fh);
    expect(fh.bufferedAmount).toBeLessThanOrEqual(inFlight);
    fh.write('next');
    fh.close();
    peer.startReading();
    const { text } = await peer.end();
    expect(text).toMatch(/^z+next$/);
    expect(text.length - 'next'.length).toBeGreaterThanOrEqual(sent);
    expect(text.length - 'next'.length).toBeLessThanOrEqual(sent + inFlight);
  });

  it('killOutput after a shutdown that waits for the flush carries the shutdown out (D16)', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    fh.write(Buffer.alloc(8 * MEGABYTE, 'z'));
    await scene.fence();
    fh.shutdown(1);
    scene.mux.killOutput(fh);
    peer.startReading();
    const { bytes, by } = await peer.end();
    expect(by).toBe('fin');
    expect(bytes).toBeLessThan(8 * MEGABYTE);
    await peer.finish();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('a referenced buffer that was detached ends the connection with NETMUX_BUFFER_DETACHED, not the process', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client({ reading: false });
    const bytes = new Uint8Array(8 * MEGABYTE).fill(0x7a);
    fh.write(bytes);
    await scene.fence();
    const unsent = fh.bufferedAmount;
    expect(unsent).toBeGreaterThan(0);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(bytes.length).toBe(0);
    peer.startReading();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_error c1 NETMUX_BUFFER_DETACHED', 'mux_close c1']);
    const received = await peer.end();
    expect(/^z*$/.test(received.text)).toBe(true);
    const other = await scene.client();
    other.fh.write('alive');
    await other.peer.expect('alive');
  });
});
