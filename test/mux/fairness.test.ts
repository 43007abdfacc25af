/** A turn ends: neither a callback that causes its own next event, nor a flood, keeps others or Node's own work waiting. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { eventually, openScene } from './scene.js';

describeEngines('fairness', (engine) => {
  it('mux_outbuffer_empty that writes each time lets others go on', async () => {
    let rounds = 0;
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    scene.mux.setCallbackObject(
      {
        mux_outbuffer_empty: (_, handle) => {
          rounds += 1;
          handle.write('');
        },
      },
      fh,
    );
    fh.write('');
    await eventually('many rounds', () => rounds > 100);
    await scene.fence();
    await sleep(1);
    scene.mux.close(fh);
  });

  it('a timer of 0 seconds that is set again each time lets others go on', async () => {
    let rounds = 0;
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    scene.mux.setCallbackObject(
      {
        mux_timeout: (_, handle) => {
          rounds += 1;
          handle.setTimeout(0);
        },
      },
      fh,
    );
    fh.setTimeout(0);
    await eventually('many rounds', () => rounds > 100);
    await scene.fence();
    await sleep(1);
    scene.mux.close(fh);
  });

  it('two connections of one loop that answer each other for ever let others go on', async () => {
    let rounds = 0;
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          rounds += 1;
          fh.write(data);
          data.consume();
        },
      },
    });
    const out = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    scene.journal.name(out, 'out');
    await scene.until('mux_connection out');
    out.write('ball');
    await eventually('many rounds', () => rounds > 1000);
    await scene.fence();
    const { peer } = await scene.client();
    await peer.send('hi');
    await peer.expect('hi');
    scene.mux.close(out);
  });

  it('a client that floods does not keep another one from being served', async () => {
    const scene = await openScene(engine);
    const flood = await scene.connect();
    const chunk = Buffer.alloc(1 << 20);
    let flooding = true;
    const pour = (): void => {
      if (flooding) flood.socket.write(chunk, () => setImmediate(pour));
    };
    flood.socket.on('error', () => {});
    for (let index = 0; index < 4; index += 1) pour();
    await eventually('the flood', () => (scene.mux.handles()[0]?.bytesRead ?? 0) > 4 << 20);
    for (let round = 0; round < 10; round += 1) await scene.fence();
    flooding = false;
    expect(scene.mux.handles()).toHaveLength(1);
  });
});
