import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { MuxCallbacks } from '../../src/index.js';
import { describeAllEngines } from '../engines.js';
import { Journal, recorder } from './journal.js';
import type { Peer } from './peer.js';
import { eventually, openScene, type Scene } from './scene.js';

const boom = new Error('boom');
function fail(): never {
  throw boom;
}

interface Case {
  readonly callback: string;
  readonly steps: MuxCallbacks;
  /** Makes the client cause the callback. */
  readonly cause: (peer: Peer, scene: Scene) => unknown;
  readonly log: readonly string[];
}

const cases: readonly Case[] = [
  {
    callback: 'mux_connection',
    steps: { mux_connection: fail },
    cause: () => {},
    log: ['mux_connection c1', 'mux_error c1 boom', 'mux_close c1'],
  },
  {
    callback: 'mux_input',
    steps: { mux_input: fail },
    cause: (peer) => peer.send('x'),
    log: ['mux_connection c1', 'mux_input c1 "x"', 'mux_error c1 boom', 'mux_close c1'],
  },
  {
    callback: 'mux_eof',
    steps: { mux_eof: fail },
    cause: (peer) => peer.finish(),
    log: ['mux_connection c1', 'mux_eof c1 ""', 'mux_error c1 boom', 'mux_close c1'],
  },
  {
    callback: 'mux_timeout',
    steps: { mux_connection: (_, fh) => fh.setTimeout(0), mux_timeout: fail },
    cause: () => {},
    log: ['mux_connection c1', 'mux_timeout c1', 'mux_error c1 boom', 'mux_close c1'],
  },
  {
    callback: 'mux_outbuffer_empty',
    steps: { mux_connection: (_, fh) => void fh.write('w'), mux_outbuffer_empty: fail },
    cause: () => {},
    log: ['mux_connection c1', 'mux_outbuffer_empty c1', 'mux_error c1 boom', 'mux_close c1'],
  },
  {
    callback: 'mux_epipe',
    steps: { mux_connection: (_, fh) => void fh.write(Buffer.alloc(8 << 20)), mux_epipe: fail },
    cause: async (peer, scene) => {
      await scene.fence();
      peer.reset();
    },
    log: ['mux_connection c1', 'mux_eof c1 ""', 'mux_epipe c1', 'mux_error c1 boom', 'mux_close c1'],
  },
];

/** What a callback throws must never reach the process; vitest would fail the run for it, but not name the test. */
function watchProcess(): unknown[] {
  const seen: unknown[] = [];
  const note = (reason: unknown) => seen.push(reason);
  process.on('unhandledRejection', note).on('uncaughtException', note);
  onTestFinished(() => {
    process.off('unhandledRejection', note).off('uncaughtException', note);
  });
  return seen;
}

describeAllEngines('a callback that throws costs its own connection only (D1)', (engine) => {
  it.each(cases)('$callback: mux_error with the error, then mux_close; a bystander sees nothing', async ({ steps, cause, log }) => {
    const seen = watchProcess();
    const errors: unknown[] = [];
    const scene = await openScene(engine);
    const bystander = await scene.connect();
    await eventually('the bystander', () => scene.mux.handles().length === 1);
    const [witness] = scene.mux.handles();
    scene.mux.setCallbackObject({ mux_input: (_, fh, data) => void fh.write(data.take()) }, witness);
    // From here on the journal is the victim's.
    const journal = new Journal();
    scene.mux.setCallbackObject(recorder(journal, { ...steps, mux_error: (_, __, error) => void errors.push(error) }));
    const reading = !log.includes('mux_epipe c1');
    const peer = await scene.connect({ reading });
    await journal.until('mux_connection c1');
    await cause(peer, scene);
    await journal.until('mux_close c1');
    await bystander.send('alive');
    await bystander.expect('alive');
    await scene.fence();
    expect(journal.lines).toEqual(log);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBe(boom);
    if (reading) await peer.end();
    expect(seen).toEqual([]);
  });

  it.each(cases)('$callback: without mux_error the error goes to warn, with its stack, once', async ({ steps, cause, log }) => {
    const scene = await openScene(engine);
    const journal = new Journal();
    const callbacks = recorder(journal, steps);
    delete callbacks.mux_error;
    scene.mux.setCallbackObject(callbacks);
    const peer = await scene.connect({ reading: !log.includes('mux_epipe c1') });
    await journal.until('mux_connection c1');
    await cause(peer, scene);
    await journal.until('mux_close c1');
    expect(journal.lines).toEqual(log.filter((line) => !line.startsWith('mux_error')));
    expect(scene.warnings).toHaveLength(1);
    expect(scene.warnings[0]).toContain('boom');
    expect(scene.warnings[0]).toContain('errors.test.ts');
  });

  it('what was queued before the throw is flushed; no mux_eof', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write('last words');
          fail();
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: 'last words', by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_error c1 boom', 'mux_close c1']);
  });

  it('8 MB queued before the throw are flushed to a slow client, and its further input is not delivered', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write(Buffer.alloc(8 << 20, 'z'));
          fail();
        },
      },
    });
    const { peer } = await scene.client({ reading: false });
    await peer.send('x');
    await scene.until('mux_error c1 boom');
    await peer.send('more');
    await scene.fence();
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: 8 << 20, by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_error c1 boom', 'mux_close c1']);
  });

  it('mux_error may write a last line', async () => {
    const scene = await openScene(engine, {
      steps: { mux_input: fail, mux_error: (_, fh, error) => void fh.write(`sorry: ${(error as Error).message}`) },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    expect(await peer.end()).toMatchObject({ text: 'sorry: boom', by: 'fin' });
    await scene.until('mux_close c1');
  });

  it('others in the same batch are served', async () => {
    const scene = await openScene(engine, {
      start: false,
      steps: {
        mux_input: (_, fh, data) => {
          if (data.take().toString() === 'bad') fail();
          fh.write('ok');
        },
      },
    });
    const peers: Peer[] = [];
    for (let index = 0; index < 20; index += 1) peers.push(await scene.connect());
    await Promise.all(peers.map((peer, index) => peer.send(index % 3 === 0 ? 'bad' : 'good')));
    scene.startLoop();
    for (const [index, peer] of peers.entries()) {
      if (index % 3 === 0) expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
      else await peer.expect('ok');
    }
    expect(scene.log.filter((line) => line.startsWith('mux_error'))).toHaveLength(7);
    expect(scene.mux.handles()).toHaveLength(13);
  });

  it.each(['text', 0, { code: 'X' }])('whatever is thrown is passed on: %s', async (thrown) => {
    const errors: unknown[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: () => {
          throw thrown;
        },
        mux_error: (_, __, error) => void errors.push(error),
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_close c1');
    expect(errors).toEqual([thrown]);
  });

  it('a throw in mux_close is only reported', async () => {
    const scene = await openScene(engine, { steps: { mux_close: fail } });
    const { peer } = await scene.client();
    await peer.finish();
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
    expect(scene.warnings).toHaveLength(1);
    expect(scene.warnings[0]).toContain('boom');
  });

  it('a throw in mux_close inside mux.close does not reach the caller', async () => {
    const scene = await openScene(engine, { steps: { mux_close: fail } });
    const { fh } = await scene.client();
    scene.mux.close(fh);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
    expect(scene.warnings).toHaveLength(1);
  });

  it('a throw in mux_error is only reported; the connection is closed as for the first error', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: () => {
          throw new Error('first');
        },
        mux_error: () => {
          throw new Error('second');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.end();
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_error c1 first', 'mux_close c1']);
    expect(scene.warnings.join('\n')).toContain('second');
  });

  it('an error of a connection that its callback has closed already does not close it twice', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh) => {
          mux.close(fh);
          fail();
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.end();
    await scene.fence();
    expect(scene.journal.count('mux_close c1')).toBe(1);
  });
});

describeAllEngines('a callback that returns a promise', (engine) => {
  it('nobody waits for it', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: async () => {
          await sleep(30);
          scene.journal.add('welcomed');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('welcomed');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'welcomed']);
  });

  it.each(['mux_connection', 'mux_input', 'mux_eof', 'mux_timeout', 'mux_outbuffer_empty'] as const)(
    'a rejection of %s counts as a throw if the handle is still open',
    async (callback) => {
      const seen = watchProcess();
      const errors: unknown[] = [];
      const scene = await openScene(engine, {
        mux: { allowHalfOpen: true },
        steps: {
          ...(callback === 'mux_outbuffer_empty' ? { mux_outbuffer_empty: () => {} } : {}),
          [callback]: async () => {
            await sleep(1);
            throw boom;
          },
          mux_error: (_, __, error) => void errors.push(error),
        },
      });
      const { peer, fh } = await scene.client();
      if (callback === 'mux_timeout') fh.setTimeout(0);
      if (callback === 'mux_outbuffer_empty') fh.write('');
      if (callback === 'mux_input') await peer.send('x');
      if (callback === 'mux_eof') await peer.finish();
      await scene.until('mux_close c1');
      expect(await peer.end()).toMatchObject({ by: 'fin' });
      expect(errors).toEqual([boom]);
      expect(scene.log.slice(-2)).toEqual(['mux_error c1 boom', 'mux_close c1']);
      expect(seen).toEqual([]);
    },
  );

  it('a rejection after the handle was closed is reported to nobody but warn, and harms nobody', async () => {
    const seen = watchProcess();
    const scene = await openScene(engine, {
      steps: {
        mux_input: async (_, __, data) => {
          data.consume();
          await scene.until('mux_close c1');
          scene.journal.add('rejecting');
          throw boom;
        },
      },
    });
    const { peer } = await scene.client();
    await peer.finish('x');
    await scene.until('rejecting');
    await sleep(5);
    await scene.client();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_eof c1 ""', 'mux_close c1', 'rejecting', 'mux_connection c2']);
    expect(seen).toEqual([]);
  });

  it('rejections of mux_close and mux_error are only reported', async () => {
    const seen = watchProcess();
    const scene = await openScene(engine, {
      steps: {
        mux_input: fail,
        mux_error: () => Promise.reject(new Error('in mux_error')),
        mux_close: () => Promise.reject(new Error('in mux_close')),
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.end();
    await eventually('two warnings', () => scene.warnings.length >= 2);
    expect(scene.warnings.join('\n')).toContain('in mux_error');
    expect(scene.warnings.join('\n')).toContain('in mux_close');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'mux_error c1 boom', 'mux_close c1']);
    expect(seen).toEqual([]);
  });

  it('a thenable that is no Promise counts, too', async () => {
    const scene = await openScene(engine, {
      steps: {
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
        mux_input: () => ({ then: (_: unknown, reject: (reason: unknown) => void) => reject(boom) }) as PromiseLike<void> as Promise<void>,
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_close c1');
    expect(scene.log.slice(-2)).toEqual(['mux_error c1 boom', 'mux_close c1']);
  });
});
