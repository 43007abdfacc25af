/** A callback may close itself, another, everybody, or the listener, in whatever callback it is. */
import { expect, it } from 'vitest';
import type { Handle, Mux, MuxCallbacks } from '../../src/index.js';
import { describeAllEngines } from '../engines.js';
import type { Peer } from './peer.js';
import { eventually, openScene } from './scene.js';

const targets: Readonly<Record<string, (mux: Mux, fh: Handle) => void>> = {
  'itself at once': (mux, fh) => mux.close(fh),
  'itself gracefully': (_, fh) => fh.close(),
  'the others at once': (mux, fh) => {
    for (const other of mux.handles()) if (other !== fh) mux.close(other);
  },
  'the others gracefully': (mux, fh) => {
    for (const other of mux.handles()) if (other !== fh) other.close();
  },
  'everybody at once': (mux) => {
    for (const each of mux.handles()) mux.close(each);
  },
  'everybody with a last word': (mux) => {
    for (const each of mux.handles()) {
      each.write('bye');
      each.close();
    }
  },
  'everybody, and writes to them': (mux) => {
    const all = mux.handles();
    for (const each of all) mux.close(each);
    for (const each of all) {
      each.write('dead');
      each.setTimeout(0.001);
      each.close();
      mux.close(each);
    }
  },
};

const callbacks = ['mux_connection', 'mux_input', 'mux_eof', 'mux_close', 'mux_timeout', 'mux_outbuffer_empty'] as const;

const matrix = callbacks.flatMap((callback) => Object.entries(targets).map(([target, act]) => [callback, target, act] as const));

/** Rules that hold for every connection, whatever was closed where. */
function checkLives(log: readonly string[]): void {
  const names = new Set(log.map((line) => line.split(' ')[1]).filter((name) => name?.startsWith('c')));
  for (const name of names) {
    const life = log.filter((line) => line.split(' ')[1] === name).map((line) => line.split(' ')[0]);
    expect(life[0]).toBe('mux_connection');
    expect(life.filter((callback) => callback === 'mux_connection')).toHaveLength(1);
    expect(life.filter((callback) => callback === 'mux_eof').length).toBeLessThanOrEqual(1);
    expect(life.filter((callback) => callback === 'mux_close')).toHaveLength(1);
    expect(life.at(-1)).toBe('mux_close');
    const eof = life.indexOf('mux_eof');
    if (eof !== -1) expect(life.lastIndexOf('mux_input')).toBeLessThan(eof);
  }
  expect(log.some((line) => line.includes('STRANGER'))).toBe(false);
}

describeAllEngines('re-entrancy', (engine) => {
  it.each(matrix)('%s closes %s', async (callback, _, act) => {
    let armed = false;
    const steps: MuxCallbacks = {
      mux_outbuffer_empty: () => {},
      [callback]: (mux: Mux, fh: Handle) => {
        if (!armed) return;
        armed = false;
        act(mux, fh);
      },
    };
    const scene = await openScene(engine, { steps });
    const peers: Peer[] = [];
    for (let index = 0; index < 4; index += 1) peers.push((await scene.client()).peer);
    const handles = scene.mux.handles();
    armed = true;
    // Everybody's event is there at once, so that what is closed has a record waiting in the same batch.
    if (callback === 'mux_connection') peers.push(...(await Promise.all([scene.connect(), scene.connect(), scene.connect()])));
    else if (callback === 'mux_timeout') for (const fh of handles) fh.setTimeout(0);
    else if (callback === 'mux_outbuffer_empty') for (const fh of handles) fh.write('w');
    else if (callback === 'mux_input') await Promise.all(peers.map((peer) => peer.send('x')));
    else await Promise.all(peers.map((peer) => peer.finish('x')));
    await eventually('the callback', () => !armed);
    await scene.fence();
    for (const peer of peers) peer.socket.destroy();
    scene.mux.endLoop();
    await scene.loop;
    checkLives(scene.log);
    expect(scene.warnings).toEqual([]);
  });

  it('the listener may be closed in mux_connection: the client stays, nobody else gets in', async () => {
    const scene = await openScene(engine, { start: false, steps: { mux_connection: (mux) => mux.close(scene.listener) } });
    const first = await scene.connect();
    const second = await scene.connect();
    scene.startLoop();
    await scene.until('mux_connection c1');
    await first.send('x');
    await scene.until('mux_input c1 "x"');
    expect(['fin', 'ECONNRESET', 'closed']).toContain((await second.end()).by);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close listener', 'mux_input c1 "x"']);
  });

  it('a new listener and a new connection may be made in a callback', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, _, data) => {
          data.consume();
          const listener = mux.listen({ host: '127.0.0.1', port: 0 });
          void listener.ready.then(() => {
            const out = mux.connect({ host: '127.0.0.1', port: listener.localPort as number });
            scene.journal.name(out, 'outgoing');
          });
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_connection outgoing');
    await scene.until('mux_connection c2');
  });

  it('a client that is written to by all others in the callback in which it is closed gets no trouble from it', async () => {
    const scene = await openScene(engine, {
      start: false,
      steps: {
        mux_input: (mux, _, data) => {
          data.consume();
          const [victim] = mux.handles();
          for (const each of mux.handles()) each.write('to all');
          if (victim !== undefined) mux.close(victim);
          victim?.write('to the dead');
        },
      },
    });
    for (let index = 0; index < 6; index += 1) await (await scene.connect()).send('x');
    scene.startLoop();
    await scene.until('mux_connection c6');
    const isHeardOrGone = (name: string): boolean =>
      scene.log.some((line) => line.startsWith(`mux_input ${name} `) || line === `mux_close ${name}`);
    await eventually('everybody is heard or gone', () => [1, 2, 3, 4, 5, 6].every((index) => isHeardOrGone(`c${index}`)));
    await scene.fence();
    scene.mux.endLoop();
    await scene.loop;
    checkLives(scene.log);
  });
});
