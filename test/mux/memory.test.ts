/** The memory that the core writes to must not be pulled away by what a callback does with a view of it. */
import { MessageChannel } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { openScene } from './scene.js';

const attacks: Readonly<Record<string, (memory: ArrayBufferLike, view: Uint8Array) => unknown>> = {
  'structuredClone with transfer': (memory) => structuredClone(memory, { transfer: [memory as ArrayBuffer] }),
  'structuredClone of the view with transfer': (memory, view) => structuredClone(view, { transfer: [memory as ArrayBuffer] }),
  'postMessage with transfer': (memory, view) => {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(view, [memory as ArrayBuffer]);
    } finally {
      port1.close();
      port2.close();
    }
  },
  'ArrayBuffer.prototype.transfer': (memory) => (memory as { transfer?: () => unknown }).transfer?.(),
  'ArrayBuffer.prototype.resize': (memory) => (memory as { resize?: (length: number) => unknown }).resize?.(0),
};

describeEngines('memory', (engine) => {
  it.each(Object.entries(attacks))('%s of a view does no harm: later input is whole', async (_, attack) => {
    const outcomes: string[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_mux, fh, data) => {
          const text = data.toString();
          const view = data.view();
          try {
            attack(view.buffer, view);
            outcomes.push('done');
          } catch (error) {
            outcomes.push((error as Error).name);
          }
          fh.write(text);
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    for (let round = 0; round < 5; round += 1) {
      for (const { peer } of [a, b]) {
        const text = `round ${round} ${'x'.repeat(1000 * round)}`;
        await peer.send(text);
        await peer.expect(text);
      }
    }
    expect(outcomes).toHaveLength(10);
  });

  it.each(Object.entries(attacks))('%s of take(), peek(), inbuffer and outbuffer does no harm', async (_, attack) => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          const text = data.toString();
          fh.write(text);
          for (const copy of [mux.inbuffer(fh), mux.outbuffer(fh), data.peek(), data.take()]) {
            if (copy === undefined) continue;
            try {
              attack(copy.buffer, copy);
            } catch {
              // Being refused is one way to do no harm.
            }
          }
        },
      },
    });
    const { peer } = await scene.client();
    for (let round = 0; round < 5; round += 1) {
      const text = `round ${round} ${'y'.repeat(3000 * round)}`;
      await peer.send(text);
      await peer.receive(text.length).then((bytes) => expect(bytes.toString()).toBe(text));
    }
  });

  it('a view shows the bytes of its own connection and nothing behind them', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          const view = data.view();
          fh.write(`${view.length}:${view.toString()};`);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('long text that fills some of the slab');
    await peer.expect('37:long text that fills some of the slab;');
    await peer.send('abc');
    await peer.expect('3:abc;');
  });

  it('writing into a view does not change what other clients sent', async () => {
    const scene = await openScene(engine, {
      start: false,
      steps: {
        mux_input: (_, fh, data) => {
          const text = data.toString();
          data.view().fill(0x58);
          fh.write(text);
        },
      },
    });
    const peers = [await scene.connect(), await scene.connect(), await scene.connect()];
    for (const [index, peer] of peers.entries()) await peer.send(`from ${index}`);
    scene.startLoop();
    for (const [index, peer] of peers.entries()) await peer.expect(`from ${index}`);
  });
});
