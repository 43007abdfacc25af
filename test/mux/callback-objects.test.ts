import { expect, it } from 'vitest';
import type { Handle, InputBuffer, Mux, MuxCallbacks } from '../../src/index.js';
import { describeAllEngines } from '../engines.js';
import { Peer } from './peer.js';
import { eventually, openMux, openScene } from './scene.js';

describeAllEngines('callback objects', (engine) => {
  it('an object of its own replaces the default for one handle; setting returns the previous one (S92)', async () => {
    const b: MuxCallbacks = {
      mux_input: (_, __, data) => {
        scene.journal.add(`B mux_input ${data.take()}`);
      },
    };
    const defaults: MuxCallbacks = {
      mux_connection: (mux, fh) => {
        const closed = scene.journal;
        closed.add(`previous ${mux.setCallbackObject(b, fh)}`);
        closed.add(`previous is B: ${mux.setCallbackObject(b, fh) === b}`);
        closed.add(`default is the same: ${mux.setCallbackObject(defaults) === defaults}`);
      },
      mux_input: () => scene.journal.add('default mux_input'),
      mux_close: () => scene.journal.add('default mux_close'),
    };
    const scene = await openScene(engine, { start: false });
    scene.mux.setCallbackObject(defaults);
    scene.startLoop();
    const peer = await scene.connect();
    await peer.send('x');
    await scene.until('B mux_input x');
    await peer.finish();
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    await eventually('no handle', () => scene.mux.handles().length === 0);
    expect(scene.log).toEqual(['previous undefined', 'previous is B: true', 'default is the same: true', 'B mux_input x']);
  });

  it('for an unknown or a closed handle it returns undefined and changes nothing', async () => {
    const scene = await openScene(engine);
    const other = await openScene(engine);
    const stranger = (await other.client()).fh;
    const dead = (await scene.client()).fh;
    scene.mux.close(dead);
    for (const fh of [stranger, dead, {} as Handle]) expect(scene.mux.setCallbackObject({}, fh)).toBe(undefined);
    await scene.client();
    await scene.until('mux_connection c2');
    const alive = await other.client();
    await alive.peer.send('x');
    await other.until('mux_input c2 "x"');
  });

  it('a class is refused: its callbacks are in its prototype; one with static callbacks is an object like others', () => {
    const mux = openMux(engine);
    class Chat {
      mux_input(): void {}
    }
    const Single = Object.assign(class {}, { mux_input() {} });
    expect(() => mux.setCallbackObject(Chat as MuxCallbacks)).toThrow('not a function; of a class give an instance');
    mux.setCallbackObject(Single);
    expect(mux.setCallbackObject(new Chat())).toBe(Single);
  });

  it('what looks like a callback and is none is told when the loop begins, once for each object', async () => {
    const misspelt = { mux_conection() {}, mux_input() {}, muxEof() {}, multiply() {} };
    const scene = await openScene(engine, { start: false });
    scene.mux.setCallbackObject(misspelt as MuxCallbacks);
    scene.mux.setCallbackObject({ mux_wherever() {} } as MuxCallbacks, scene.listener);
    scene.startLoop();
    await scene.connect();
    await eventually('accepted', () => scene.mux.stats().accepted === 1);
    expect(scene.warnings).toEqual([
      'netmux: mux_conection is not a callback: nobody calls it (did you mean mux_connection?)',
      'netmux: muxEof is not a callback: nobody calls it (did you mean mux_eof?)',
      'netmux: mux_wherever is not a callback: nobody calls it',
    ]);
    const other: string[] = [];
    const next = openMux(engine, { warn: (line) => other.push(line) });
    next.setCallbackObject(misspelt as MuxCallbacks);
    await next.loop();
    expect(other).toEqual([]);
  });

  it('takes effect from the next event', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (mux, fh, data) => {
          data.consume(1);
          mux.setCallbackObject({ mux_input: (_, __, rest) => scene.journal.add(`second ${rest.take()}`) }, fh);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('ab');
    await scene.until('mux_input c1 "ab"');
    await scene.fence();
    await peer.send('c');
    await scene.until('second bc');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "ab"', 'second bc']);
  });

  it('undefined puts the handle back on the default object', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    const own: MuxCallbacks = { mux_input: (_, __, data) => scene.journal.add(`own ${data.take()}`) };
    scene.mux.setCallbackObject(own, fh);
    await peer.send('a');
    await scene.until('own a');
    expect(scene.mux.setCallbackObject(undefined, fh)).toBe(own);
    await peer.send('b');
    await scene.until('mux_input c1 "b"');
  });

  it('mux_connection runs on the object of the listener; the client starts with the default object', async () => {
    const scene = await openScene(engine);
    scene.mux.setCallbackObject(
      {
        mux_connection: (_, fh) => scene.journal.add(`listener's own ${scene.journal.announce(fh)}`),
        mux_input: () => scene.journal.add('wrong object'),
      },
      scene.listener,
    );
    const peer = await scene.connect();
    await peer.send('x');
    await scene.until('mux_input c1 "x"');
    expect(scene.log).toEqual(["listener's own c1", 'mux_input c1 "x"']);
  });

  it('an instance of a class works, with methods of its prototype and of its parent, and `this` is the instance', async () => {
    class Base implements MuxCallbacks {
      heard = '';
      mux_eof(_: Mux, fh: Handle): void {
        fh.write(`heard ${this.heard}`);
      }
    }
    class Session extends Base {
      #count = 0;
      mux_input(_: Mux, __: Handle, data: InputBuffer): void {
        this.#count += 1;
        this.heard += `${this.#count}:${data.take()} `;
      }
    }
    const scene = await openScene(engine, { steps: { mux_connection: (mux, fh) => void mux.setCallbackObject(new Session(), fh) } });
    const a = await scene.client();
    const b = await scene.client();
    await a.peer.send('a');
    await scene.fence();
    await b.peer.finish('b');
    await a.peer.finish('A');
    expect((await a.peer.end()).text).toBe('heard 1:a 2:A ');
    expect((await b.peer.end()).text).toBe('heard 1:b ');
  });

  it('a callback may be added to the object later', async () => {
    const scene = await openScene(engine);
    const late: MuxCallbacks = {};
    scene.mux.setCallbackObject(late);
    const peer = await scene.connect();
    await peer.send('lost');
    await scene.fence();
    late.mux_input = (_, __, data) => scene.journal.add(`late ${data.take()}`);
    await peer.send('found');
    await scene.until('late found');
  });

  it('mux_outbuffer_empty of an object set later is called, too', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    fh.write('a');
    await peer.expect('a');
    scene.mux.setCallbackObject({ mux_outbuffer_empty: () => scene.journal.add('empty') }, fh);
    fh.write('b');
    await scene.until('empty');
  });

  it('a per-client value lives in fh.data', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => {
          fh.data = { sum: 0 };
        },
        mux_input: (_, fh, data) => {
          const state = fh.data as { sum: number };
          state.sum += Number(data.take());
          fh.write(`${state.sum};`);
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    expect(a.fh.data).not.toBe(b.fh.data);
    await a.peer.send('1');
    await a.peer.expect('1;');
    await b.peer.send('10');
    await b.peer.expect('10;');
    await a.peer.send('2');
    await a.peer.expect('3;');
  });

  it('data is undefined before it is set, and stays after the handle is closed', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    expect(fh.data).toBe(undefined);
    fh.data = 'mine';
    scene.mux.close(fh);
    expect(fh.data).toBe('mine');
  });

  it('refuses what is not an object', () => {
    const mux = openMux(engine);
    for (const wrong of [5, 'text', true, Symbol('s')]) expect(() => mux.setCallbackObject(wrong as never)).toThrow(TypeError);
  });
});

describeAllEngines('missing callbacks (D2)', (engine) => {
  it('without mux_input the input is read and thrown away, and the connection goes on', async () => {
    const scene = await openScene(engine);
    scene.mux.setCallbackObject({ mux_eof: (_, __, data) => scene.journal.add(`eof ${JSON.stringify(data.toString())}`) });
    const peer = await scene.connect();
    await peer.send('x'.repeat(1_000_000));
    await eventually('one client', () => scene.mux.handles().length === 1);
    scene.mux.handles()[0]?.write('pushed');
    await peer.expect('pushed');
    await peer.finish();
    await scene.until('eof ""');
  });

  it('a warning tells of it once, when the loop starts', async () => {
    const scene = await openScene(engine, { start: false });
    scene.mux.setCallbackObject({});
    expect(scene.warnings).toEqual([]);
    scene.startLoop();
    const peer = await scene.connect();
    await peer.send('x');
    await scene.fence();
    expect(scene.warnings).toHaveLength(1);
    expect(scene.warnings[0]).toContain('mux_input');
    expect(scene.warnings[0]).not.toContain('\n');
  });

  it('nobody is warned when mux_input is there', async () => {
    const scene = await openScene(engine, { start: false });
    scene.mux.setCallbackObject({ mux_input: (_, __, data) => data.consume() });
    scene.startLoop();
    await scene.fence();
    expect(scene.warnings).toEqual([]);
  });

  it('without any callback object clients can come and go', async () => {
    const mux = openMux(engine);
    const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    const loop = mux.loop();
    const peer = await Peer.connect(listener.localPort as number);
    await peer.finish('x');
    expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    mux.close(listener);
    await loop;
  });
});
