/**
 * Every method of Mux and Handle in every situation: none throws, whatever the state of the handle. What each answers
 * for a handle that is gone is listed once.
 */
import { expect, it } from 'vitest';
import { Handle, type Mux, type MuxCallbacks } from '../../src/index.js';
import { describeAllEngines } from '../engines.js';
import { Peer } from './peer.js';
import { openScene, type Scene } from './scene.js';

type Call = (mux: Mux, fh: Handle) => unknown;

/** What a method does to the connection decides what may be asserted afterwards. */
const methods: Readonly<Record<string, Call>> = {
  'mux.add': (mux, fh) => mux.add(fh as never),
  'mux.write text': (mux, fh) => mux.write(fh, 'text'),
  'mux.write bytes': (mux, fh) => mux.write(fh, Buffer.from('bytes')),
  'mux.write nothing': (mux, fh) => mux.write(fh, ''),
  'mux.write 100 kB': (mux, fh) => mux.write(fh, Buffer.alloc(100_000)),
  'mux.close': (mux, fh) => mux.close(fh),
  'mux.reset': (mux, fh) => mux.reset(fh),
  'mux.remove': (mux, fh) => {
    if (mux.engine === 'native') mux.remove(fh);
  },
  'mux.shutdown 0': (mux, fh) => mux.shutdown(fh, 0),
  'mux.shutdown 1': (mux, fh) => mux.shutdown(fh, 1),
  'mux.shutdown 2': (mux, fh) => mux.shutdown(fh, 2),
  'mux.setTimeout': (mux, fh) => mux.setTimeout(fh, 60),
  'mux.setTimeout 0': (mux, fh) => mux.setTimeout(fh, 0),
  'mux.setTimeout null': (mux, fh) => mux.setTimeout(fh, null),
  'mux.setCallbackObject': (mux, fh) => mux.setCallbackObject({ mux_input: (_, __, data) => data.consume() }, fh),
  'mux.setCallbackObject undefined': (mux, fh) => mux.setCallbackObject(undefined, fh),
  'mux.inbuffer': (mux, fh) => mux.inbuffer(fh),
  'mux.inbuffer set': (mux, fh) => mux.inbuffer(fh, Buffer.from('in')),
  'mux.outbuffer': (mux, fh) => mux.outbuffer(fh),
  'mux.outbuffer set': (mux, fh) => mux.outbuffer(fh, Buffer.from('out')),
  'mux.killOutput': (mux, fh) => mux.killOutput(fh),
  'mux.handles': (mux) => mux.handles(),
  'mux.udpPeer': (mux, fh) => mux.udpPeer(fh),
  'mux.isUdp': (mux, fh) => mux.isUdp(fh),
  'mux.endLoop': (mux) => mux.endLoop(),
  'mux.engine': (mux) => mux.engine,
  'fh.write text': (_, fh) => fh.write('text'),
  'fh.write bytes': (_, fh) => fh.write(new Uint8Array([1, 2, 3])),
  'fh.write 100 kB': (_, fh) => fh.write('x'.repeat(100_000)),
  'fh.print': (_, fh) => fh.print('a', 1, Buffer.from('b')),
  'fh.say': (_, fh) => fh.say('a'),
  'fh.printf': (_, fh) => fh.printf('%03d', 7),
  'fh.close': (_, fh) => fh.close(),
  'fh.reset': (_, fh) => fh.reset(),
  'fh.shutdown 0': (_, fh) => fh.shutdown(0),
  'fh.shutdown 1': (_, fh) => fh.shutdown(1),
  'fh.shutdown 2': (_, fh) => fh.shutdown(2),
  'fh.setTimeout': (_, fh) => fh.setTimeout(60),
  'fh.setTimeout null': (_, fh) => fh.setTimeout(null),
  'fh.pause': (_, fh) => fh.pause(),
  'fh.resume': (_, fh) => fh.resume(),
  'fh.ref': (_, fh) => fh.ref(),
  'fh.unref': (_, fh) => fh.unref(),
  'fh.remoteAddress': (_, fh) => fh.remoteAddress,
  'fh.remotePort': (_, fh) => fh.remotePort,
  'fh.remoteFamily': (_, fh) => fh.remoteFamily,
  'fh.localAddress': (_, fh) => fh.localAddress,
  'fh.localPort': (_, fh) => fh.localPort,
  'fh.fd': (_, fh) => fh.fd,
  'fh.bytesRead': (_, fh) => fh.bytesRead,
  'fh.bytesWritten': (_, fh) => fh.bytesWritten,
  'fh.bufferedAmount': (_, fh) => fh.bufferedAmount,
  'fh.writable': (_, fh) => fh.writable,
  'fh.closed': (_, fh) => fh.closed,
  'fh.dropped': (_, fh) => fh.dropped,
  'fh.error': (_, fh) => fh.error,
  'fh.data': (_, fh) => fh.data,
  'fh.mux': (_, fh) => fh.mux,
};

/** What is answered for a handle that this multiplexer does not have (any more). `undefined` where nothing is said. */
const answers: Readonly<Record<string, unknown>> = {
  'mux.add': undefined,
  'mux.write text': undefined,
  'mux.write bytes': undefined,
  'mux.write nothing': undefined,
  'mux.write 100 kB': undefined,
  'mux.setTimeout': false,
  'mux.setTimeout 0': false,
  'mux.setTimeout null': false,
  'mux.setCallbackObject': undefined,
  'mux.inbuffer': undefined,
  'mux.inbuffer set': undefined,
  'mux.outbuffer': undefined,
  'mux.outbuffer set': undefined,
  'mux.udpPeer': undefined,
  'mux.isUdp': false,
};

const answersOfTheDead: Readonly<Record<string, unknown>> = {
  ...answers,
  'fh.write text': false,
  'fh.write bytes': false,
  'fh.write 100 kB': false,
  'fh.print': undefined,
  'fh.say': undefined,
  'fh.printf': undefined,
  'fh.remoteAddress': undefined,
  'fh.remotePort': undefined,
  'fh.remoteFamily': undefined,
  'fh.localAddress': undefined,
  'fh.localPort': undefined,
  'fh.fd': -1,
  'fh.bufferedAmount': 0,
  'fh.writable': false,
  'fh.closed': true,
};

const situations = ['mux_connection', 'mux_input', 'mux_eof', 'mux_close', 'mux_timeout', 'mux_outbuffer_empty', 'mux_error'] as const;

async function stillServes(scene: Scene): Promise<void> {
  scene.mux.setCallbackObject({ mux_input: (_, fh, data) => void fh.write(data.take()) });
  const listener = await scene.mux.listen({ host: '127.0.0.1', port: 0 }).ready;
  const peer = await Peer.connect(listener.localPort as number);
  await peer.send('echo');
  await peer.expect('echo');
}

describeAllEngines('every method', (engine) => {
  it('is in the table', () => {
    const own = Object.getOwnPropertyNames(Handle.prototype).filter(
      (name) => !name.startsWith('_') && name !== 'constructor' && name !== 'send',
    );
    const tested = Object.keys(methods).map((name) => name.split(/[. ]/)[1]);
    expect(own.filter((name) => !tested.includes(name))).toEqual([]);
  });

  it.each(Object.entries(methods))('%s works on a living connection', async (name, call) => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    call(scene.mux, fh);
    expect(scene.warnings).toEqual([]);
    if (name === 'mux.endLoop') await scene.loop;
    else await stillServes(scene);
  });

  it.each(situations)('works inside %s', async (situation) => {
    let next: readonly [string, Call] | undefined;
    const steps: MuxCallbacks = {
      mux_outbuffer_empty: () => {},
      [situation]: (mux: Mux, fh: Handle) => {
        const current = next;
        next = undefined;
        if (current === undefined) return;
        current[1](mux, fh);
        scene.journal.add(`done ${current[0]}`);
      },
    };
    if (situation === 'mux_error') {
      steps.mux_input = () => {
        throw new Error('on purpose');
      };
    }
    const scene = await openScene(engine, { steps });
    const cause = (peer: Peer, fh: Handle): unknown => {
      if (situation === 'mux_timeout') return fh.setTimeout(0);
      if (situation === 'mux_outbuffer_empty') return fh.write('');
      if (situation === 'mux_eof' || situation === 'mux_close') return peer.finish();
      return peer.send('x');
    };
    for (const entry of Object.entries(methods)) {
      if (entry[0] === 'mux.endLoop') continue;
      if (situation === 'mux_connection') next = entry;
      if (situation === 'mux_connection' && entry[0].endsWith('.reset')) {
        await scene.connect().catch(() => {}); // reset so early, a client may never hear that it was connected
        await scene.until(`done ${entry[0]}`);
        continue;
      }
      const { peer, fh } = await scene.client();
      next = situation === 'mux_connection' ? next : entry;
      if (situation !== 'mux_connection') await cause(peer, fh);
      await scene.until(`done ${entry[0]}`);
      await scene.fence();
      for (const each of scene.mux.handles()) scene.mux.close(each);
      peer.socket.destroy();
    }
    expect(scene.warnings).toEqual([]);
    await stillServes(scene);
  });

  it.each(situations)('endLoop inside %s ends the loop, with mux_close for everybody', async (situation) => {
    const steps: MuxCallbacks = { mux_outbuffer_empty: () => {} };
    if (situation === 'mux_error') {
      steps.mux_input = () => {
        throw new Error('on purpose');
      };
    }
    let armed = situation === 'mux_connection';
    steps[situation] = (mux: Mux) => {
      if (armed) mux.endLoop();
      armed = false;
    };
    const scene = await openScene(engine, { steps });
    const peer = await scene.connect();
    if (situation !== 'mux_connection') {
      await scene.until('mux_connection c1');
      const fh = scene.journal.handleOf('c1');
      armed = true;
      if (situation === 'mux_timeout') fh.setTimeout(0);
      else if (situation === 'mux_outbuffer_empty') fh.write('');
      else if (situation === 'mux_eof' || situation === 'mux_close') await peer.finish();
      else await peer.send('x');
    }
    await scene.loop;
    expect(scene.journal.count('mux_close c1')).toBe(1);
    expect(scene.mux.handles()).toEqual([]);
  });

  it.each(Object.entries(methods))('%s on a closed handle does nothing and answers as documented', async (name, call) => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    scene.mux.close(fh);
    const answer = call(scene.mux, fh);
    if (name in answersOfTheDead) expect(answer).toEqual(answersOfTheDead[name]);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
    if (name === 'mux.endLoop') await scene.loop;
    else await stillServes(scene);
  });

  it.each(Object.entries(methods))("%s on another multiplexer's handle does nothing to it", async (name, call) => {
    if (!name.startsWith('mux.') || name === 'mux.add') return;
    const scene = await openScene(engine);
    const other = await openScene(engine);
    const { peer, fh } = await other.client();
    const answer = call(scene.mux, fh);
    if (name in answers) expect(answer).toEqual(answers[name]);
    fh.write('untouched');
    await peer.expect('untouched');
    await peer.send('in');
    await other.until('mux_input c1 "in"');
    expect(scene.log).toEqual([]);
    if (name !== 'mux.endLoop') await stillServes(scene);
  });

  it.each(Object.entries(methods))('%s after endLoop does not throw', async (_, call) => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    scene.mux.endLoop();
    await scene.loop;
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
    call(scene.mux, fh);
    expect(scene.log).toEqual(['mux_connection c1', 'mux_close c1']);
  });

  it.each(Object.entries(methods))('%s works on a listener, before the loop and in it', async (name, call) => {
    const scene = await openScene(engine, { start: false });
    call(scene.mux, scene.listener);
    scene.startLoop();
    const other = await openScene(engine);
    call(other.mux, other.listener);
    if (name === 'mux.endLoop') await other.loop;
    else await stillServes(other);
  });
});
