/** What `mux.stats().engine` says of callbacks that keep the loop. */
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { block, openScene } from './scene.js';

describeEngines('a callback that blocks', (engine) => {
  it('is seen in the figures of the loop (T34)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input(_, fh, data) {
          if (data.take().toString() === 'block') block(100);
          fh.write('done');
        },
      },
    });
    const before = scene.mux.stats().engine;
    const { peer } = await scene.client();
    await peer.send('block');
    await peer.expect('done');
    const after = scene.mux.stats().engine;
    expect(after.longestBatchMs).toBeGreaterThanOrEqual(100);
    expect(after.busyMs - before.busyMs).toBeGreaterThanOrEqual(100);
    expect(after.busyMs).toBeGreaterThanOrEqual(after.longestBatchMs);
    expect(after.slowBatches - before.slowBatches).toBeGreaterThanOrEqual(1);
  });
});
