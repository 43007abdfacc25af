/** What a child of the process gets of the server's: nothing. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { openScene } from './scene.js';

/** The descriptors of a child, that of the folder included. */
function descriptorsOfChild(): string[] {
  return spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout.split('\n');
}

describeEngines('a program that a callback starts', (engine) => {
  it.runIf(process.platform === 'linux')('gets no descriptor of the server (T11)', async () => {
    const without = descriptorsOfChild();
    let within: string[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input(_, fh) {
          within = descriptorsOfChild();
          fh.write('done');
        },
      },
    });
    await scene.mux.listen({ host: '127.0.0.1', port: 0, proto: 'udp' }).ready;
    scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    const { peer } = await scene.client();
    await peer.send('x');
    await peer.expect('done');
    expect(within).toEqual(without);
    expect(without.length).toBeGreaterThan(3);
  });
});
