import { execFileSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { MuxCallbacks } from '../../src/index.js';
import { describeEngines, type SocketEngine } from '../engines.js';
import { Journal, recorder } from './journal.js';
import { failureOf, openMux, openScene, temporaryDirectory } from './scene.js';

/** The two ends of a pipe with a name. */
function openPipe(): { reader: number; writer: number } {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { reader, writer };
}

function closeAfterTest(descriptor: number): void {
  onTestFinished(() => {
    try {
      closeSync(descriptor);
    } catch {
      // The test or the library closed it.
    }
  });
}

/** A multiplexer that has taken over a descriptor, which its journal calls 'pipe'. */
function adopted(engine: SocketEngine, descriptor: number | { readonly fd: number }, steps?: MuxCallbacks) {
  const journal = new Journal();
  const mux = openMux(engine);
  mux.setCallbackObject(recorder(journal, steps));
  const fh = mux.add(descriptor);
  if (fh === undefined) throw new Error('not added');
  journal.name(fh, 'pipe');
  return { mux, fh, journal };
}

/** Whether O_NONBLOCK is set; Linux tells. */
function isNonBlocking(descriptor: number): boolean {
  const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
}

describeEngines('foreign descriptors', (engine) => {
  it.each([-1, 1.5, Number.NaN, '0', undefined, null, {}, { fd: -1 }, { fd: '0' }])('add(%s) is a TypeError', async (wrong) => {
    expect(await failureOf(() => openMux(engine).add(wrong as never))).toBeInstanceOf(TypeError);
  });

  it('add of a handle that is known already returns undefined', async () => {
    const scene = await openScene(engine);
    const { fh, peer } = await scene.client();
    expect(scene.mux.add(fh as never)).toBe(undefined);
    fh.write('fine');
    await peer.expect('fine');
  });

  it('remove gives no callback, drops the timer, and leaves the connection open (S96)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          scene.journal.add(`add again ${mux.add(fh as never)}`);
          fh.setTimeout(0.01);
          const descriptor = mux.remove(fh);
          // Node keeps what is its own (docs/engines.md).
          if (engine === 'native') closeAfterTest(descriptor);
          scene.journal.add(`removed ${descriptor > 2} closed ${fh.closed} handles ${mux.handles().length}`);
          writeSync(descriptor, 'still open\n');
        },
      },
    });
    const { peer, fh } = await scene.client();
    await peer.send('r');
    await peer.expect('still open\n');
    await peer.send('ignored');
    scene.listener.setTimeout(0.05);
    await scene.until('mux_timeout listener');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 "r"',
      'add again undefined',
      'removed true closed true handles 0',
      'mux_timeout listener',
    ]);
    expect(fh.write('x')).toBe(false);
    expect(peer.waiting).toBe('');
  });

  if (engine !== 'native') {
    it('are not on this engine, and it says so', async () => {
      const { reader, writer } = openPipe();
      closeAfterTest(reader);
      closeAfterTest(writer);
      expect(await failureOf(() => openMux(engine).add(reader))).toMatchObject({ code: 'NETMUX_NOT_ON_THIS_ENGINE' });
      fstatSync(reader);
    });
    return;
  }

  it('a pipe can be added: its input, its end (S95)', async () => {
    const { reader, writer } = openPipe();
    const { mux, fh, journal } = adopted(engine, reader);
    expect([mux.isUdp(fh), mux.handles().length, fh.fd]).toEqual([false, 1, reader]);
    writeSync(writer, 'data');
    closeSync(writer);
    await mux.loop();
    expect(journal.lines).toEqual(['mux_input pipe "data"', 'mux_eof pipe ""', 'mux_close pipe']);
    expect(() => fstatSync(reader)).toThrow('EBADF');
  });

  it('the writing end of a pipe can be written through the multiplexer, more than the pipe holds', async () => {
    const { reader, writer } = openPipe();
    closeAfterTest(reader);
    const { mux, fh, journal } = adopted(engine, { fd: writer }, { mux_outbuffer_empty: () => {} });
    const loop = mux.loop();
    fh.write(Buffer.alloc(300_000, 'p'));
    fh.close();
    let received = 0;
    const chunk = Buffer.alloc(65_536);
    while (received < 300_000) {
      try {
        received += readSync(reader, chunk);
      } catch (error) {
        if ((error as { code?: string }).code !== 'EAGAIN') throw error;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await loop;
    expect(received).toBe(300_000);
    expect(journal.lines.at(-1)).toBe('mux_close pipe');
    expect(readSync(reader, chunk)).toBe(0);
  });

  it('a pipe whose reader is gone is mux_epipe, then mux_close', async () => {
    const { reader, writer } = openPipe();
    const { mux, fh, journal } = adopted(engine, writer);
    const loop = mux.loop();
    closeSync(reader);
    fh.write('to nobody');
    await loop;
    expect(journal.lines.filter((line) => line !== 'mux_eof pipe ""')).toEqual(['mux_epipe pipe', 'mux_close pipe']);
  });

  it('nothing is read before loop()', async () => {
    const { reader, writer } = openPipe();
    closeAfterTest(writer);
    const { mux, journal } = adopted(engine, reader);
    writeSync(writer, 'early');
    for (let round = 0; round < 10; round += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(journal.lines).toEqual([]);
    mux.loop().catch(() => {});
    await journal.until('mux_input pipe "early"');
  });

  it('added twice, by number or by handle, is undefined the second time (S96)', () => {
    const { reader, writer } = openPipe();
    closeAfterTest(writer);
    const mux = openMux(engine);
    const fh = mux.add(reader);
    expect(mux.add(reader)).toBe(undefined);
    expect(mux.add({ fd: reader })).toBe(undefined);
    expect(mux.add(fh as never)).toBe(undefined);
    expect(mux.handles()).toEqual([fh]);
  });

  it('a regular file gets NETMUX_NOT_POLLABLE, with the descriptor in the message, and stays as it was', async () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, 'text');
    const descriptor = openSync(path, 'r');
    closeAfterTest(descriptor);
    const mux = openMux(engine);
    const error = await failureOf(() => mux.add(descriptor));
    expect(error).toMatchObject({ code: 'NETMUX_NOT_POLLABLE' });
    expect(error.message).toContain(String(descriptor));
    expect(mux.handles()).toEqual([]);
    expect(isNonBlocking(descriptor)).toBe(false);
    expect(readFileSync(descriptor, 'utf8')).toBe('text');
  });

  it('a directory gets NETMUX_NOT_POLLABLE', async () => {
    const descriptor = openSync(temporaryDirectory(), 'r');
    closeAfterTest(descriptor);
    expect(await failureOf(() => openMux(engine).add(descriptor))).toMatchObject({ code: 'NETMUX_NOT_POLLABLE' });
  });

  it('/dev/null gets an error with a code, and nothing half done', async () => {
    const descriptor = openSync('/dev/null', 'r+');
    closeAfterTest(descriptor);
    const mux = openMux(engine);
    expect(await failureOf(() => mux.add(descriptor))).toMatchObject({ code: 'NETMUX_NOT_POLLABLE' });
    expect(mux.handles()).toEqual([]);
  });

  it('a closed descriptor is EBADF', async () => {
    const { reader, writer } = openPipe();
    closeSync(reader);
    closeSync(writer);
    const error = await failureOf(() => openMux(engine).add(reader));
    expect(error).toMatchObject({ code: 'EBADF' });
    expect(error.message).toContain(String(reader));
  });

  it('a descriptor that the kernel does not know is EBADF', async () => {
    expect(await failureOf(() => openMux(engine).add(0x7fff_fff0))).toMatchObject({ code: 'EBADF' });
  });

  it('remove sets blocking mode back as it was', () => {
    const { reader, writer } = openPipe();
    closeAfterTest(writer);
    closeAfterTest(reader);
    const blocking = openSync(`/proc/self/fd/${reader}`, constants.O_RDWR);
    closeAfterTest(blocking);
    expect(isNonBlocking(blocking)).toBe(false);
    const mux = openMux(engine);
    for (const [descriptor, before] of [
      [blocking, false],
      [reader, true],
    ] as const) {
      const fh = mux.add(descriptor);
      if (fh === undefined) throw new Error('not added');
      expect(isNonBlocking(descriptor)).toBe(true);
      expect(mux.remove(fh)).toBe(descriptor);
      expect(isNonBlocking(descriptor)).toBe(before);
    }
  });

  it('what was removed can be added again', async () => {
    const { reader, writer } = openPipe();
    closeAfterTest(writer);
    const { mux, fh: first, journal } = adopted(engine, reader);
    mux.remove(first);
    const second = mux.add(reader);
    if (second === undefined) throw new Error('not added again');
    expect(second).not.toBe(first);
    journal.name(second, 'second');
    mux.loop().catch(() => {});
    writeSync(writer, 'x');
    await journal.until('mux_input second "x"');
  });

  it('remove of an unknown handle is -1', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    scene.mux.close(fh);
    expect(scene.mux.remove(fh)).toBe(-1);
    expect(openMux(engine).remove(scene.listener)).toBe(-1);
  });

  it('a removed handle keeps the loop alive no longer', async () => {
    const { reader, writer } = openPipe();
    closeAfterTest(reader);
    closeAfterTest(writer);
    const { mux, fh } = adopted(engine, reader);
    const loop = mux.loop();
    mux.remove(fh);
    await loop;
  });
});
