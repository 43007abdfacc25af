/** How long a connection that was ended gracefully stays for its peer: `lingerTimeout`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { openScene } from './scene.js';

/** Longer than the default. */
const LONGER_MS = 2500;

describeEngines('a connection that was closed', (engine) => {
  const closed = async (lingerTimeout: number) => {
    const scene = await openScene(engine, { mux: { lingerTimeout } });
    const { peer, fh } = await scene.client();
    fh.close();
    expect(await peer.end()).toMatchObject({ by: 'fin' });
    return peer;
  };

  it('takes what its peer still sends for lingerTimeout seconds', async () => {
    const peer = await closed(1000);
    await sleep(LONGER_MS);
    const failed = new Promise((resolve) => peer.socket.once('close', () => resolve('closed')));
    await peer.send('a');
    await peer.send('b');
    expect(await Promise.race([failed, sleep(100, 'open')])).toBe('open');
    await peer.finish();
  });

  it.each([0, 0.05])('refuses it after lingerTimeout: %s', async (seconds) => {
    const peer = await closed(seconds);
    const failed = new Promise((resolve) => peer.socket.once('close', () => resolve('closed')));
    let outcome: unknown;
    while (outcome !== 'closed') {
      peer.socket.write('a');
      outcome = await Promise.race([failed, sleep(20)]);
    }
  });
});
