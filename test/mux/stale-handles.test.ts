/** Events and commands for an earlier owner of a slot or of a descriptor number never reach the next one. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { Handle } from '../../src/index.js';
import { describeEngines } from '../engines.js';
import { Peer } from './peer.js';
import { openMux, openScene } from './scene.js';

/** A small generator of repeatable numbers (xorshift); its seed stands in the message of a failure. */
function generator(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describeEngines('stale handles', (engine) => {
  it('a closed handle never names a later connection, even with its old number', async () => {
    const scene = await openScene(engine);
    const dead: Handle[] = [];
    for (let round = 0; round < 30; round += 1) {
      const { fh, peer } = await scene.client();
      for (const old of dead) {
        expect(old.write('ghost')).toBe(false);
        expect(scene.mux.write(old, 'ghost')).toBe(undefined);
        old.shutdown(1);
        old.setTimeout(0);
        old.pause();
        old.close();
        scene.mux.close(old);
        scene.mux.killOutput(old);
        expect(old.closed).toBe(true);
      }
      fh.write('alive');
      await peer.expect('alive');
      await peer.send('x');
      await scene.until(`mux_input c${round + 1} "x"`);
      scene.mux.close(fh);
      dead.push(fh);
      expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    }
    expect(scene.log.filter((line) => !/^mux_(connection|input|close)/.test(line))).toEqual([]);
  });

  it('writes to A, then A is closed in the same callback, then a new client gets its number: no byte strays', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume();
          fh.write(`for ${scene.journal.nameOf(fh)}`);
          mux.close(fh);
        },
      },
    });
    for (let round = 1; round <= 50; round += 1) {
      const { peer } = await scene.client();
      const next = scene.connect();
      await peer.send('x');
      expect((await peer.end()).text).toBe('');
      const other = await next;
      await other.finish();
      expect(await other.end()).toMatchObject({ text: '', by: 'fin' });
      await scene.until(`mux_close c${2 * round}`);
    }
  });

  it('thousands of seeded rounds: each byte reaches its own client, each callback its own connection', async () => {
    const seed = Number(process.env.NETMUX_TEST_SEED ?? 20_203);
    const random = generator(seed);
    const rounds = 3000;
    const concurrent = 24;
    const wrong: string[] = [];
    const ids = new Map<Handle, string>();
    const closed = new Set<Handle>();
    let announced = 0;
    const check = (fh: Handle, where: string): void => {
      if (closed.has(fh)) wrong.push(`seed ${seed}: ${where} of a closed handle (${ids.get(fh)})`);
    };
    const mux = openMux(engine);
    const listener = mux.listen({ host: '127.0.0.1', port: 0 });
    mux.setCallbackObject({
      mux_connection: (_, fh) => {
        announced += 1;
        check(fh, 'mux_connection');
      },
      mux_input: (_, fh, data) => {
        check(fh, 'mux_input');
        for (const line of data.lines()) {
          // Each client sends lines that begin with its own number, and nothing else.
          const id = line.split(' ')[0] as string;
          const known = ids.get(fh) ?? id;
          ids.set(fh, known);
          if (known !== id) wrong.push(`seed ${seed}: input of ${id} came to the handle of ${known}`);
          fh.write(`${id} ok\n`);
          if (random(4) === 0) fh.setTimeout(random(3) / 1000);
          const others = mux.handles();
          const other = others[random(others.length)];
          if (other !== undefined && random(3) === 0) {
            const name = ids.get(other);
            if (name !== undefined) other.write(`${name} pushed\n`);
            if (random(2) === 0) mux.close(other);
            else other.close();
            if (name !== undefined && other.write(`${name} late\n`)) wrong.push(`seed ${seed}: a closed handle took a write`);
          }
        }
      },
      mux_timeout: (_, fh) => {
        check(fh, 'mux_timeout');
        const id = ids.get(fh);
        if (id !== undefined) fh.write(`${id} timer\n`);
      },
      mux_eof: (_, fh) => check(fh, 'mux_eof'),
      mux_close: (_, fh) => {
        check(fh, 'mux_close');
        if (fh !== listener) closed.add(fh);
      },
      mux_epipe: (_, fh) => check(fh, 'mux_epipe'),
      mux_error: (_, __, error) => wrong.push(`seed ${seed}: ${String(error)}`),
    });
    await listener.ready;
    const port = listener.localPort as number;
    const loop = mux.loop();

    let next = 0;
    const client = async (): Promise<void> => {
      while (next < rounds) {
        next += 1;
        const id = String(next);
        const socket = await open(port);
        const text = await talk(socket, id, random(4), random(3));
        for (const line of text.split('\n').slice(0, -1)) {
          if (!line.startsWith(`${id} `)) wrong.push(`seed ${seed}: client ${id} received ${JSON.stringify(line)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: concurrent }, client));
    mux.close(listener);
    for (const fh of mux.handles()) mux.close(fh);
    await loop;
    expect(wrong).toEqual([]);
    // Who is reset before being accepted need not be announced.
    expect(announced).toBeGreaterThan(rounds / 2);
    expect(closed.size).toBe(announced);
  });
});

describeEngines('stale listeners', (engine) => {
  it('a port served by a second listener after the first was closed belongs to the second', async () => {
    const scene = await openScene(engine);
    const { port } = scene;
    scene.mux.close(scene.listener);
    await scene.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    await scene.fence();
    const second = await scene.mux.listen({ host: '127.0.0.1', port }).ready;
    scene.mux.setCallbackObject({ mux_connection: (_, fh) => void fh.write('second') }, second);
    const peer = await Peer.connect(port);
    await peer.expect('second');
    expect(scene.log).toEqual(['mux_close listener']);
  });
});

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect').catch(() => {});
  return socket;
}

/** Sends `lines` lines, goes away in one of three ways, and returns what came. */
function talk(socket: Socket, id: string, lines: number, way: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (bytes: string) => {
      text += bytes;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
    for (let index = 0; index < lines; index += 1) socket.write(`${id} line ${index}\n`);
    if (way === 0) setImmediate(() => socket.resetAndDestroy());
    else if (way === 1) socket.end();
    else setTimeout(() => socket.end(), 2);
  });
}
