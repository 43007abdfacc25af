/**
 * What a hostile peer, a hostile file system and a careless caller have tried, with success, at some time. Each of them
 * may cost itself its connection, and nobody else anything.
 */
import { createSocket } from 'node:dgram';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type Handle, InputBuffer, type ListenOptions, type MuxCallbacks, NetmuxTypeError } from '../../src/index.js';
import { describeAllEngines, describeEngines } from '../engines.js';
import { Peer } from './peer.js';
import { block, eventually, failureOf, openMux, openScene, type Scene, temporaryDirectory } from './scene.js';

const echo: MuxCallbacks = {
  mux_input: (_, fh, data) => {
    fh.write(data.take());
  },
};

/** Whoever turns it into text or a number is answered with an exception. */
const touchy = {
  toString() {
    throw new Error('touched');
  },
  [Symbol.toPrimitive]() {
    throw new Error('touched');
  },
};

/** Anything, where the types say better. */
const wrong = (value: unknown) => value as never;

/** A client comes, and is answered. */
async function expectService(scene: Scene): Promise<void> {
  const { peer, fh } = await scene.client();
  scene.mux.setCallbackObject(echo, fh);
  await peer.send('still there?');
  await peer.expect('still there?');
}

describeAllEngines('a thrown value that cannot be shown', (engine) => {
  it.each([
    ['an object without a prototype', () => Object.create(null)],
    ['an object that does not become text', () => touchy],
    ['an error whose stack throws', () => Object.defineProperty(new Error('on purpose'), 'stack', { get: touchy.toString })],
    ['an error whose stack is no text', () => Object.assign(new Error('on purpose'), { stack: Symbol('stack') })],
  ])('%s costs its own connection, and is told of in one line', async (_, thrown) => {
    const scene = await openScene(engine);
    const { peer, fh, name } = await scene.client();
    scene.mux.setCallbackObject(
      {
        mux_input: () => {
          throw thrown();
        },
        mux_close: () => scene.journal.add(`mux_close ${name}`),
      },
      fh,
    );
    await peer.send('x');
    await scene.until(`mux_close ${name}`);
    expect(scene.warnings).toEqual([expect.stringMatching(/^netmux: \[127\.0\.0\.1\]:\d+: (thrown: an object|Error: on purpose)/)]);
    await expectService(scene);
  });
});

describeAllEngines('a callback that cannot even be looked up', (engine) => {
  /** A callback object whose property `name` throws from now on. */
  function broken(name: keyof MuxCallbacks, rest: MuxCallbacks, isBroken: () => boolean): MuxCallbacks {
    return Object.defineProperty({ ...rest }, name, {
      get() {
        if (isBroken()) throw new Error(`no ${name} today`);
        return rest[name];
      },
    });
  }

  it.each<[keyof MuxCallbacks, (scene: Scene, fh: Handle, peer: Peer) => unknown]>([
    ['mux_input', (_, __, peer) => peer.send('x')],
    ['mux_eof', (_, __, peer) => peer.finish()],
    ['mux_timeout', (_, fh) => fh.setTimeout(0)],
    ['mux_outbuffer_empty', (_, fh) => fh.write('x')],
    ['mux_close', (scene, fh) => scene.mux.close(fh)],
  ])('%s costs the connection that it is about', async (name, happens) => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    const bystander = await scene.client();
    let isBroken = false;
    const heard: unknown[] = [];
    const rest: MuxCallbacks = {
      ...echo,
      mux_outbuffer_empty: () => {},
      mux_close: () => {},
      mux_error: (_, __, error) => heard.push(error.message),
    };
    scene.mux.setCallbackObject(
      broken(name, rest, () => isBroken),
      fh,
    );
    isBroken = true;
    await happens(scene, fh, peer);
    await eventually('the end of the connection', () => fh.closed);
    expect([...heard, ...scene.warnings].join()).toContain(`no ${name} today`);
    expect(bystander.fh.closed).toBe(false);
    await peer.end();
    await expectService(scene);
  });

  it('is never blamed on the connection before it in the batch', async () => {
    const scene = await openScene(engine);
    const first = await scene.client();
    const second = await scene.client();
    let isBroken = false;
    scene.mux.setCallbackObject(echo, first.fh);
    scene.mux.setCallbackObject(
      broken('mux_input', echo, () => isBroken),
      second.fh,
    );
    isBroken = true;
    await first.peer.send('1');
    await second.peer.send('2');
    block(20); // both have arrived when the loop looks
    await eventually('the end of the second connection', () => second.fh.closed);
    await first.peer.expect('1');
    expect(first.fh.closed).toBe(false);
  });

  it('leaves an accepted connection whole where it is mux_outbuffer_empty', async () => {
    const scene = await openScene(engine);
    let isBroken = false;
    const known: Handle[] = [];
    const rest: MuxCallbacks = { ...echo, mux_connection: (_, fh) => known.push(fh) };
    scene.mux.setCallbackObject(broken('mux_outbuffer_empty', rest, () => isBroken));
    isBroken = true;
    const peer = await scene.connect();
    await peer.send('x');
    await peer.expect('x');
    isBroken = false;
    expect(scene.warnings).toEqual([expect.stringContaining('no mux_outbuffer_empty today')]);
    scene.mux.close(known[0] as Handle);
    scene.mux.close(scene.listener);
    await scene.loop;
  });

  it('does not stop mux_error from being reported itself', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    let isBroken = false;
    const rest: MuxCallbacks = {
      mux_input: () => {
        throw new Error('first');
      },
      mux_error: () => {},
    };
    scene.mux.setCallbackObject(
      broken('mux_error', rest, () => isBroken),
      fh,
    );
    isBroken = true;
    await peer.send('x');
    await peer.end();
    expect(scene.warnings).toEqual([expect.stringContaining('no mux_error today')]);
    await expectService(scene);
  });
});

describeAllEngines('objects that only look like a handle', (engine) => {
  it('are unknown to every method', async () => {
    const scene = await openScene(engine);
    const { fh, peer } = await scene.client();
    const { mux } = scene;
    for (const fake of [{ mux }, { mux, slot: fh.slot }, { mux, slot: 0, callbacks: undefined }].map(wrong)) {
      expect(mux.write(fake, 'x')).toBeUndefined();
      expect(mux.setTimeout(fake, 1)).toBe(false);
      expect(mux.setCallbackObject({}, fake)).toBeUndefined();
      expect(mux.inbuffer(fake)).toBeUndefined();
      expect(mux.outbuffer(fake)).toBeUndefined();
      expect(mux.remove(fake)).toBe(-1);
      expect(mux.isUdp(fake)).toBe(false);
      expect(mux.udpPeer(fake)).toBeUndefined();
      mux.shutdown(fake, 2);
      mux.killOutput(fake);
      mux.close(fake);
    }
    expect(mux.stats()).toMatchObject({ handles: 1, listeners: 1 });
    await peer.finish();
    await scene.until('mux_close c1');
    mux.close(scene.listener);
    await scene.loop; // the fakes were not counted as closed
  });
});

describeAllEngines('a mux_error that writes when a limit on output is exceeded', (engine) => {
  it('is called once, and what it writes is refused', async () => {
    const answers: boolean[] = [];
    const scene = await openScene(engine, {
      mux: { maxOutbuffer: 1000 },
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.write('x'.repeat(2000));
        },
        mux_error: (_, fh) => answers.push(fh.writable, fh.write('x'.repeat(2000))),
      },
    });
    const { peer } = await scene.client();
    await peer.send('go');
    await scene.until('mux_close c1');
    expect(answers).toEqual([false, false]);
    expect(scene.log.slice(1)).toEqual(['mux_input c1 "go"', 'mux_error c1 NETMUX_OUTBUFFER_LIMIT', 'mux_close c1']);
  });

  it('also before the connection is established', async () => {
    let calls = 0;
    const scene = await openScene(engine, {
      mux: { maxOutbuffer: 1000 },
      steps: {
        mux_error: (_, fh) => {
          calls += 1;
          fh.write('x'.repeat(2000));
        },
      },
    });
    const fh = scene.mux.connect({ host: '127.0.0.1', port: scene.port });
    fh.write('x'.repeat(2000));
    expect({ calls, closed: fh.closed }).toEqual({ calls: 1, closed: true });
  });
});

describeAllEngines('views of input that is kept from one callback to the next', (engine) => {
  // The native engine's memory cannot be transferred, and with NETMUX_DEBUG=1 views are copies: nothing is wrong then.
  const isOwnMemory = engine === 'node' && process.env.NETMUX_DEBUG !== '1';

  /** Takes the memory of a view away, where that is possible. */
  function pullAway(view: Buffer): void {
    try {
      structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
    } catch {
      // That is what is wished for.
    }
  }

  it.each([
    ['a few bytes', 5],
    ['many bytes', 5000],
  ])('cannot be used to pull the memory away from others: %s', async (_, size) => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_mux, fh, data) => {
          if (data.indexOf('pull') !== -1) pullAway(data.view(0));
          if (data.indexOf('\n') !== -1) fh.write(data.take());
        },
      },
    });
    const { peer } = await scene.client();
    const other = await scene.client();
    const part = 'a'.repeat(size);
    await peer.send(part);
    await other.peer.send(part);
    await scene.fence();
    await other.peer.send('pull');
    await scene.fence();
    await peer.send('end\n');
    await peer.expect(`${part}end\n`);
    await other.peer.send('\n');
    await other.peer.expect(`${part}pull\n`);
  });

  it('end the connection where they were transferred with what is unread', async () => {
    const scene = await openScene(engine, {
      steps: { mux_input: (_, __, data) => (data.length < 200 ? pullAway(data.view(10)) : data.consume()) },
    });
    const { peer } = await scene.client();
    await peer.send('a'.repeat(100));
    await scene.fence();
    await peer.send('b'.repeat(200));
    const happened = isOwnMemory ? 'mux_error c1 NETMUX_BUFFER_DETACHED' : 'mux_input c1 290 bytes';
    await scene.until(happened);
    expect(scene.log.at(-1)).toBe(isOwnMemory ? 'mux_close c1' : happened);
  });

  it('expire with their callback: the memory serves other connections', async () => {
    let kept: Buffer | undefined;
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, __, data) => {
          if (data.length >= 8) kept = data.view();
        },
      },
    });
    const { peer, fh } = await scene.client();
    await peer.send('1234');
    await scene.fence();
    await peer.send('5678');
    await eventually('both halves', () => kept !== undefined);
    expect((await failureOf(() => fh.write(kept as Buffer))).code).toBe('NETMUX_INPUT_EXPIRED');
  });

  it('where the first part of a piece is transferred, the stream ends or goes on whole', async () => {
    const seen: string[] = [];
    const scene = await openScene(engine, {
      mux: { readSize: 100 },
      steps: {
        mux_input: (_, __, data) => {
          const view = data.view();
          seen.push(view.toString('latin1'));
          if (seen.length === 1) pullAway(view);
        },
        mux_eof: (_, __, data) => seen.push(`eof ${data.length}`),
      },
    });
    const { peer } = await scene.client();
    await peer.send(`${'a'.repeat(100)}${'b'.repeat(100)}${'c'.repeat(50)}`);
    await peer.finish();
    await scene.until('mux_close c1');
    const whole = ['a'.repeat(100), 'b'.repeat(100), 'c'.repeat(50), 'eof 0'];
    expect(seen).toEqual(isOwnMemory ? ['a'.repeat(100), 'eof 0'] : whole);
  });
});

describe('an input buffer', () => {
  function bufferOf(text: string, start: number): InputBuffer {
    const input = new InputBuffer();
    input.present(Buffer.from(text), start, text.length);
    return input;
  }

  it.each(['readUInt8', 'readUInt16BE', 'readUInt16LE', 'readUInt32BE', 'readUInt32LE'] as const)(
    '%s never reads in front of the unread bytes',
    async (method) => {
      const input = bufferOf('secret of another, and ours', 19);
      for (const offset of [-1, -2, -3, -4, -19, 0.5, Number.NaN, wrong('1')]) {
        expect(await failureOf(() => input[method](offset))).toBeInstanceOf(NetmuxTypeError);
      }
      expect((await failureOf(() => input[method](8))).code).toBe('NETMUX_INPUT_TOO_SHORT');
      expect((await failureOf(() => input[method](2 ** 32))).code).toBe('NETMUX_INPUT_TOO_SHORT');
    },
  );

  it('looks for bytes, not for other numbers', async () => {
    const input = bufferOf(`${'-'.repeat(200)}\n`, 0);
    expect(input.indexOf(10)).toBe(200);
    for (const needle of [266, -246, 10.5, Number.NaN]) {
      expect(await failureOf(() => input.indexOf(needle))).toBeInstanceOf(NetmuxTypeError);
    }
  });
});

describeAllEngines('misuse', (engine) => {
  it('is answered without touching the value', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    const { mux } = scene;
    const odd = wrong(touchy);
    const calls: Record<string, () => unknown> = {
      add: () => mux.add(odd),
      connect: () => mux.connect({ host: odd, port: 1 }),
      'connect timeout': () => mux.connect({ port: 1, timeout: odd }),
      listen: () => mux.listen({ port: odd }),
      'listen host': () => mux.listen({ port: 0, host: odd }),
      'listen proto': () => mux.listen({ port: 0, proto: odd }),
      'listen backlog': () => mux.listen({ port: 0, backlog: odd }),
      'listen noDelay': () => mux.listen({ port: 0, noDelay: odd }),
      'loop null': () => openMux(engine).loop(wrong(null)),
      'loop signal': () => openMux(engine).loop({ signal: odd }),
      option: () => openMux(engine, { maxOutbuffer: odd }),
      setCallbackObject: () => mux.setCallbackObject({ mux_input: odd }),
      setTimeout: () => fh.setTimeout(odd),
      shutdown: () => fh.shutdown(odd),
      write: () => fh.write(odd),
      'write a pretender': () => fh.write(Object.create(Uint8Array.prototype)),
      'write a proxy': () => fh.write(new Proxy(new Uint8Array(4), {})),
    };
    const answers = Object.fromEntries(
      await Promise.all(Object.entries(calls).map(async ([name, call]) => [name, (await failureOf(call)).code])),
    );
    expect(answers).toEqual(Object.fromEntries(Object.keys(calls).map((name) => [name, 'NETMUX_BAD_ARGUMENT'])));
    expect(fh.closed).toBe(false);
  });

  it('is no descriptor that would be another one in 32 bits', async () => {
    const scene = await openScene(engine);
    for (const descriptor of [2 ** 31, 2 ** 32, 2 ** 40]) {
      expect((await failureOf(() => scene.mux.add(descriptor))).code).toBe('NETMUX_BAD_ARGUMENT');
    }
  });

  it('is no NUL inside the path of a file', async () => {
    const scene = await openScene(engine);
    const path = `${temporaryDirectory()}/a\0b`;
    expect((await failureOf(() => scene.mux.listen({ path }))).code).toBe('NETMUX_BAD_ARGUMENT');
    expect((await failureOf(() => scene.mux.connect({ path }))).code).toBe('NETMUX_BAD_ARGUMENT');
    const udp = await scene.mux.listen({ host: '127.0.0.1', port: 0, proto: 'udp' }).ready;
    expect((await failureOf(() => udp.send('x', { path }))).code).toBe('NETMUX_BAD_ARGUMENT');
  });

  it('is not to write a Uint8Array of another realm', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    expect(fh.write(runInNewContext('new Uint8Array([104, 105])'))).toBe(true);
    await peer.expect('hi');
  });
});

describeEngines('a listener', (engine) => {
  it('with a backlog of 0 still accepts', async () => {
    const scene = await openScene(engine, { listen: { host: '127.0.0.1', port: 0, backlog: 0 } satisfies ListenOptions });
    await expectService(scene);
  });

  it.each<[string, (directory: string) => void]>([
    ['a file', (directory) => writeFileSync(directory, 'mine')],
    ['a symbolic link to itself', (directory) => symlinkSync(directory, directory)],
    ['nothing', () => {}],
    [
      'another directory',
      (directory) => {
        mkdirSync(directory);
        writeFileSync(`${directory}/socket`, 'mine');
      },
    ],
  ])('can be closed when the directory of its UNIX path was replaced by %s', async (_, replace) => {
    const scene = await openScene(engine);
    const parent = temporaryDirectory();
    const directory = `${parent}/directory`;
    mkdirSync(directory);
    const listener = await scene.mux.listen({ path: `${directory}/socket` }).ready;
    renameSync(directory, `${parent}/elsewhere`);
    replace(directory);
    scene.mux.close(listener);
    await expectService(scene);
    expect((await failureOf(() => Peer.connect(`${parent}/elsewhere/socket`))).code).toBe('ECONNREFUSED');
    rmSync(directory, { recursive: true, force: true });
  });
});

describeEngines('datagrams without content', (engine) => {
  it.runIf(engine === 'node')('fill the memory of a paused socket no more than others', async () => {
    const scene = await openScene(engine);
    const udp = await scene.mux.listen({ host: '127.0.0.1', port: 0, proto: 'udp' }).ready;
    let empty = 0;
    let isThrough = false;
    scene.mux.setCallbackObject(
      {
        mux_input: (_, __, data) => {
          if (data.length === 0) empty += 1;
          else isThrough = true;
        },
      },
      udp,
    );
    udp.pause();
    const sender = createSocket('udp4');
    const send = (text: string) => new Promise((resolve) => sender.send(text, udp.localPort as number, '127.0.0.1', resolve));
    for (let sent = 0; sent < 1000; sent += 100) {
      await Promise.all(Array.from({ length: 100 }, () => send('')));
      await scene.fence();
    }
    udp.resume();
    await scene.fence();
    await send('last');
    await eventually('the last datagram', () => isThrough);
    sender.close();
    expect(empty).toBeGreaterThan(100);
    expect(empty).toBeLessThan(500);
  });
});
