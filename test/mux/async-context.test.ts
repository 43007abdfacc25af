/** Option `asyncContext`: whose `AsyncLocalStorage` a callback sees. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turnOfLoop } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Handle, Mux, MuxCallbacks } from '../../src/index.js';
import { describeEngines, kernelIsDifficult, type TestedEngine } from '../engines.js';
import { start } from './child-program.js';
import { block, openMux, openScene, type Scene } from './scene.js';

function openStorage(): AsyncLocalStorage<string> {
  const storage = new AsyncLocalStorage<string>();
  onTestFinished(() => storage.disable());
  return storage;
}

/** Every callback notes what it sees; a client that sends `enter NAME` has its `mux_input` enter NAME. */
function noting(storage: AsyncLocalStorage<string>): { readonly seen: Map<Handle, string[]>; readonly steps: MuxCallbacks } {
  const seen = new Map<Handle, string[]>();
  const note = (callback: string) => (_: Mux, fh: Handle) => {
    const notes = seen.get(fh) ?? [];
    notes.push(`${callback} ${storage.getStore() ?? '-'}`);
    seen.set(fh, notes);
  };
  const steps: MuxCallbacks = {
    mux_connection: note('mux_connection'),
    mux_input(mux, fh, data) {
      note('mux_input')(mux, fh);
      const [, name] = /^enter (\w+)/.exec(data.toString()) ?? [];
      data.consume();
      if (name !== undefined) storage.enterWith(name);
    },
    mux_eof: note('mux_eof'),
    mux_close: note('mux_close'),
    mux_timeout: note('mux_timeout'),
    mux_outbuffer_empty: note('mux_outbuffer_empty'),
    mux_error: note('mux_error'),
  };
  return { seen, steps };
}

async function openNoting(engine: TestedEngine, storage: AsyncLocalStorage<string>, asyncContext: 'shared' | 'connection') {
  const { seen, steps } = noting(storage);
  const scene = await openScene(engine, { steps, mux: { asyncContext } });
  return { scene, seen };
}

/** A program that serves 10,000 of them, on a busy machine. */
const MANY_CONNECTIONS_MS = 120_000;

async function sendInOneBatch(scene: Scene, sends: () => Promise<unknown>): Promise<void> {
  const all = sends();
  block(20); // what the kernel has is read in the next look at all of them
  await all;
  await scene.fence();
}

describeEngines("asyncContext 'connection'", (engine) => {
  it('every callback of a client sees what an earlier one of its own has entered, and no other client does', async () => {
    const { scene, seen } = await openNoting(engine, openStorage(), 'connection');
    const a = await scene.client();
    const b = await scene.client();
    await a.peer.send('enter A');
    await scene.until('mux_input c1 "enter A"');
    await b.peer.send('enter B');
    await scene.until('mux_input c2 "enter B"');
    for (const { fh } of [a, b]) {
      fh.write('x');
      fh.setTimeout(0);
    }
    for (const name of ['c1', 'c2']) await scene.until(`mux_timeout ${name}`);
    for (const { peer } of [b, a]) {
      await peer.expect('x');
      await peer.finish();
    }
    for (const name of ['c1', 'c2']) await scene.until(`mux_close ${name}`);
    for (const [{ fh }, name] of [
      [a, 'A'],
      [b, 'B'],
    ] as const) {
      const entered = ['mux_outbuffer_empty', 'mux_timeout', 'mux_eof', 'mux_close'].map((callback) => `${callback} ${name}`);
      expect([...(seen.get(fh) ?? [])].sort()).toEqual(['mux_connection -', 'mux_input -', ...entered].sort());
    }
  });

  it('also where both are served in one batch', async () => {
    const { scene, seen } = await openNoting(engine, openStorage(), 'connection');
    const a = await scene.client();
    const b = await scene.client();
    await sendInOneBatch(scene, () => Promise.all([a.peer.send('enter A'), b.peer.send('text')]));
    await sendInOneBatch(scene, () => Promise.all([a.peer.send('text'), b.peer.send('text')]));
    expect(seen.get(a.fh)).toEqual(['mux_connection -', 'mux_input -', 'mux_input A']);
    expect(seen.get(b.fh)).toEqual(['mux_connection -', 'mux_input -', 'mux_input -']);
  });

  it('also where one closes the other', async () => {
    const storage = openStorage();
    const { seen, steps } = noting(storage);
    const { mux_input } = steps;
    const after: (string | undefined)[] = [];
    steps.mux_input = (mux, fh, data) => {
      const isLast = data.toString() === 'close the other';
      mux_input?.(mux, fh, data);
      if (!isLast) return;
      for (const other of mux.handles()) if (other !== fh) mux.close(other);
      after.push(storage.getStore());
    };
    const scene = await openScene(engine, { steps, mux: { asyncContext: 'connection' } });
    const a = await scene.client();
    const b = await scene.client();
    await a.peer.send('enter A');
    await b.peer.send('enter B');
    await scene.until('mux_input c1 "enter A"');
    await scene.until('mux_input c2 "enter B"');
    await a.peer.send('close the other');
    await scene.until('mux_close c2');
    expect(seen.get(b.fh)?.at(-1)).toBe('mux_close B');
    expect(after).toEqual(['A']);
  });

  it('a callback that closes its own handle is followed by a mux_close that sees what it has entered', async () => {
    const storage = openStorage();
    const { seen, steps } = noting(storage);
    steps.mux_input = (mux, fh) => {
      storage.enterWith('last');
      mux.close(fh);
    };
    const scene = await openScene(engine, { steps, mux: { asyncContext: 'connection' } });
    const { peer, fh } = await scene.client();
    await peer.send('x');
    await scene.until('mux_close c1');
    expect(seen.get(fh)?.at(-1)).toBe('mux_close last');
  });

  it('a throw leaves the scope, and mux_error runs in it', async () => {
    const storage = openStorage();
    const { seen, steps } = noting(storage);
    steps.mux_input = () => {
      storage.enterWith('thrown');
      throw new Error('on purpose');
    };
    const scene = await openScene(engine, { steps, mux: { asyncContext: 'connection' } });
    const { peer, fh } = await scene.client();
    await peer.send('x');
    await scene.until('mux_close c1');
    const next = await scene.client();
    expect(seen.get(fh)?.slice(-2)).toEqual(['mux_error thrown', 'mux_close thrown']);
    expect(seen.get(next.fh)).toEqual(['mux_connection -']);
  });

  it('what goes on after an await keeps the context of its callback', async () => {
    const storage = openStorage();
    const { steps } = noting(storage);
    const later: string[] = [];
    steps.mux_input = async (_, __, data) => {
      const name = data.take().toString();
      storage.enterWith(name);
      await turnOfLoop();
      later.push(`${name} ${storage.getStore()}`);
    };
    const scene = await openScene(engine, { steps, mux: { asyncContext: 'connection' } });
    const a = await scene.client();
    const b = await scene.client();
    await sendInOneBatch(scene, () => Promise.all([a.peer.send('A'), b.peer.send('B')]));
    expect(later.sort()).toEqual(['A A', 'B B']);
  });

  it('a connection that was accepted begins as new Mux did, one of connect() as that call', async () => {
    const storage = openStorage();
    const { seen, steps } = noting(storage);
    const mux = storage.run('mux', () => openMux(engine, { asyncContext: 'connection' }));
    mux.setCallbackObject(steps);
    const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    void storage.run('loop', () => mux.loop());
    const outgoing = storage.run('connect', () => mux.connect({ host: '127.0.0.1', port: listener.localPort as number }));
    await expect.poll(() => seen.size).toBe(2);
    expect(seen.get(outgoing)).toEqual(['mux_connection connect']);
    seen.delete(outgoing);
    expect([...seen.values()]).toEqual([['mux_connection mux']]);
  });

  it('setCallbackObject returns the object itself, and methods that come later are called', async () => {
    const scene = await openScene(engine, { mux: { asyncContext: 'connection' } });
    const calls: unknown[] = [];
    const own: MuxCallbacks = {};
    const { peer, fh } = await scene.client();
    expect(scene.mux.setCallbackObject(own, fh)).toBeUndefined();
    own.mux_input = function (this: unknown, _, client, data) {
      calls.push(this, client, data.take().toString());
    };
    await peer.send('x');
    await scene.fence();
    expect(calls).toEqual([own, fh, 'x']);
    expect(calls[0]).toBe(own);
    expect(scene.mux.setCallbackObject(undefined, fh)).toBe(own);
  });

  it('nothing of 10,000 connections is left when they are closed', { timeout: MANY_CONNECTIONS_MS }, async () => {
    const { code, stdout, stderr } = await start(engine, 'async-context-leak', ['10000']).ending(MANY_CONNECTIONS_MS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Number(stdout)).toBeLessThan(10);
  });
});

describeEngines("asyncContext 'shared'", (engine) => {
  it('is the default', () => {
    expect(openMux(engine).settings.asyncContext).toBe('shared');
  });

  it.runIf(engine === 'native')("shows one client's callback what another one has entered", async () => {
    const { scene, seen } = await openNoting(engine, openStorage(), 'shared');
    const a = await scene.client();
    const b = await scene.client();
    await sendInOneBatch(scene, () => Promise.all([a.peer.send('enter A'), b.peer.send('text')]));
    // Nor does a batch share it with the next one, where the kernel tells of the two at different times.
    expect(seen.get(b.fh)).toEqual(
      kernelIsDifficult ? ['mux_connection -', expect.stringMatching(/^mux_input [A-]$/)] : ['mux_connection -', 'mux_input A'],
    );
  });
});
