import { expect, it } from 'vitest';
import { Control } from '../../src/engine/engine.js';
import { Mux, type MuxOptions } from '../../src/index.js';
import { describeEngines, engineOption } from '../engines.js';
import { start } from './child-program.js';
import { openScene } from './scene.js';

describeEngines('options of Mux', (engine) => {
  it.each<[string, unknown]>([
    ['engine', 'perl'],
    ['engine', 1],
    ['maxOutbuffer', -1],
    ['maxOutbuffer', 2 ** 31],
    ['maxOutbuffer', 1.5],
    ['maxOutbuffer', '1000'],
    ['outbufferPolicy', 'explode'],
    ['outbufferPolicy', null],
    ['maxInbuffer', -1],
    ['maxInbuffer', Number.NaN],
    ['highWaterMark', -1],
    ['highWaterMark', Number.POSITIVE_INFINITY],
    ['busyPollMicros', 1001],
    ['busyPollMicros', 0.5],
    ['readSize', 0],
    ['readSize', 65_537],
    ['allowHalfOpen', 'yes'],
    ['drainTimeout', -1],
    ['drainTimeout', Number.NaN],
    ['onCallbackError', 'ignore'],
    ['asyncContext', 'own'],
    ['warn', 'loud'],
    ['maxOutBuffer', 5],
    ['toString', 5],
  ])('%s: %s is a TypeError that names it', (name, value) => {
    const make = () => new Mux({ engine: engineOption(engine), [name]: value } as MuxOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(name);
  });

  it.each<[object, string]>([
    [{ maxOutbufer: 1 }, 'Mux: unknown option maxOutbufer (did you mean maxOutbuffer?)'],
    [{ idle_timeout: 1 }, 'Mux: unknown option idle_timeout (did you mean idleTimeout?)'],
    [{ maxOutbuffer: '16M' }, 'Mux: maxOutbuffer must be a whole number from 0 (unlimited) to 2147483647, not "16M"'],
    [{ exemptFromLimits: ['nobody'] }, 'Mux: exemptFromLimits must be at most 1024 addresses and CIDR blocks, not a list'],
  ])('%j: the error says what was probably meant, or what was given', (options, message) => {
    expect(() => new Mux({ engine: engineOption(engine), ...options })).toThrow(message);
  });

  it.each([null, 5, 'native'])('%s in place of options is a TypeError', (options) => {
    expect(() => new Mux(options as never)).toThrow(TypeError);
  });

  it('the highest busyPollMicros counts for all of them', () => {
    const engineOf = (busyPollMicros: number) => new Mux({ engine: engineOption(engine), busyPollMicros }).dispatcher.engine;
    expect([20, 30, 0].map((micros) => engineOf(micros).memory.control[Control.BusyPollMicros])).toEqual([20, 30, 30]);
  });

  it('undefined is as if it were not given', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: undefined, highWaterMark: undefined } as never });
    const { fh } = await scene.client();
    expect(fh.write('x'.repeat(64 * 1024))).toBe(true);
    expect(fh.write('x')).toBe(false);
  });

  it('each multiplexer has its own', async () => {
    const small = await openScene(engine, { mux: { highWaterMark: 1, readSize: 1 } });
    const large = await openScene(engine, { mux: { highWaterMark: 1000 } });
    const a = await small.client();
    const b = await large.client();
    expect([a.fh.write('xx'), b.fh.write('xx')]).toEqual([false, true]);
    await a.peer.send('ab');
    await b.peer.send('ab');
    await small.until('mux_input c1 "a"');
    await small.until('mux_input c1 "b"');
    await large.until('mux_input c1 "ab"');
  });

  it('stats() counts handles, listeners, accepted connections and dropped writes', async () => {
    const scene = await openScene(engine, { mux: { maxOutbuffer: 1, outbufferPolicy: 'drop' } });
    expect(scene.mux.stats()).toMatchObject({ handles: 0, listeners: 1, accepted: 0, dropped: 0 });
    const a = await scene.client();
    await scene.client();
    a.fh.write('too long');
    a.fh.write('too long');
    expect(scene.mux.stats()).toMatchObject({ handles: 2, listeners: 1, accepted: 2, dropped: 2 });
    scene.mux.close(a.fh);
    expect(scene.mux.stats()).toMatchObject({ handles: 1, listeners: 1, accepted: 2, dropped: 2 });
    scene.mux.close(scene.listener);
    expect(scene.mux.stats()).toMatchObject({ handles: 1, listeners: 0 });
  });

  it.each(['throw', 'reject'])("onCallbackError: 'exit' ends the process with the error of a callback (%s)", async (way) => {
    const { code, signal, stderr } = await start(engine, 'callback-error', [way]).ending();
    expect([code, signal]).toEqual([1, null]);
    expect(stderr).toContain('Error: on purpose');
    expect(stderr).toContain('callback-error.mjs');
  });
});
