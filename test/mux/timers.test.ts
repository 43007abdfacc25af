import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { ChildProgram, programEnvironment, programPath } from './child-program.js';
import { block, openScene } from './scene.js';

/** Well within it a turn always ends here; timers are promised not to be early, lateness depends on the machine. */
const SOON = 0.03;

describeEngines('timers', (engine) => {
  it('fires once, on the object of its handle, and what it writes is sent (S50)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => {
          if (scene.journal.nameOf(fh) === 'c1') fh.setTimeout(SOON);
        },
        mux_timeout: (_, fh) => void fh.write('tick\n'),
      },
    });
    const { peer } = await scene.client();
    await peer.expect('tick\n');
    const later = await scene.client();
    later.fh.setTimeout(4 * SOON);
    await scene.until('mux_timeout c2');
    expect(scene.log.filter((line) => line.startsWith('mux_timeout'))).toEqual(['mux_timeout c1', 'mux_timeout c2']);
    expect(peer.waiting).toBe('');
  });

  it('can be set again in mux_timeout (S51)', async () => {
    let ticks = 0;
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => fh.setTimeout(SOON),
        mux_timeout: (_, fh) => {
          ticks += 1;
          fh.write('tick\n');
          if (ticks < 3) fh.setTimeout(SOON);
          else fh.close();
        },
      },
    });
    const peer = await scene.connect();
    expect(await peer.end()).toMatchObject({ text: 'tick\ntick\ntick\n' });
    expect(ticks).toBe(3);
  });

  it('set again replaces: a later time moves it back (S53 with D6)', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    const begin = performance.now();
    fh.setTimeout(0.02);
    fh.setTimeout(0.15);
    await scene.until('mux_timeout c1');
    expect(performance.now() - begin).toBeGreaterThanOrEqual(150);
    const other = await scene.client();
    other.fh.setTimeout(0.1);
    await scene.until('mux_timeout c2');
    expect(scene.journal.count('mux_timeout c1')).toBe(1);
  });

  it('set again replaces: an earlier time moves it closer', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    const begin = performance.now();
    fh.setTimeout(60);
    fh.setTimeout(SOON);
    await scene.until('mux_timeout c1');
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('two settings that are both due fire once (S54 with D6)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => {
          if (scene.journal.nameOf(fh) !== 'c1') return;
          fh.setTimeout(0.01);
          fh.setTimeout(0.02);
          block(40);
        },
      },
    });
    await scene.client();
    await scene.until('mux_timeout c1');
    await scene.fence();
    const other = await scene.client();
    other.fh.setTimeout(SOON);
    await scene.until('mux_timeout c2');
    expect(scene.journal.count('mux_timeout c1')).toBe(1);
  });

  it('moved later over and over, as an idle timeout is, it fires only after the last move', async () => {
    let sentAt = 0;
    let movedAfter = 0;
    const waited: number[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          movedAfter = sentAt;
          fh.setTimeout(0.1);
        },
        mux_timeout: () => void waited.push(performance.now() - movedAfter),
      },
    });
    const { peer } = await scene.client();
    for (let index = 0; index < 10; index += 1) {
      sentAt = performance.now();
      await peer.send('x');
      await scene.until('mux_input c1 "x"', index + 1);
      block(20);
    }
    await scene.until('mux_timeout c1');
    await scene.fence();
    // Where a machine lets more than the timeout pass between two moves it fires more than once, but never early; the clock counts whole ms.
    expect(Math.min(...waited)).toBeGreaterThanOrEqual(99);
  });

  it('null cancels', async () => {
    const scene = await openScene(engine);
    const a = await scene.client();
    const b = await scene.client();
    a.fh.setTimeout(SOON);
    b.fh.setTimeout(2 * SOON);
    a.fh.setTimeout(null);
    await scene.until('mux_timeout c2');
    await scene.fence();
    expect(scene.log).not.toContain('mux_timeout c1');
  });

  it('null cancels a timer that is due already but was not delivered yet', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_timeout: (mux, fh) => {
          for (const other of mux.handles()) if (other !== fh) other.setTimeout(null);
        },
      },
    });
    const a = await scene.client();
    const b = await scene.client();
    a.fh.setTimeout(0.005);
    b.fh.setTimeout(0.005);
    block(20);
    await Promise.race([scene.until('mux_timeout c1'), scene.until('mux_timeout c2')]);
    await scene.fence();
    expect(scene.log.filter((line) => line.startsWith('mux_timeout'))).toHaveLength(1);
  });

  it('closing frees the timer', async () => {
    const scene = await openScene(engine);
    const a = await scene.client();
    const b = await scene.client();
    const c = await scene.client();
    for (const { fh } of [a, b]) fh.setTimeout(SOON);
    scene.mux.close(a.fh);
    b.fh.close();
    c.fh.setTimeout(2 * SOON);
    await scene.until('mux_timeout c3');
    expect(scene.log.filter((line) => line.startsWith('mux_timeout'))).toEqual(['mux_timeout c3']);
  });

  it("the next owner of a slot does not inherit its predecessor's timer", async () => {
    const scene = await openScene(engine);
    for (let round = 0; round < 5; round += 1) {
      const { fh } = await scene.client();
      fh.setTimeout(SOON);
      scene.mux.close(fh);
    }
    const last = await scene.client();
    last.fh.setTimeout(3 * SOON);
    await scene.until(`mux_timeout ${last.name}`);
    expect(scene.log.filter((line) => line.startsWith('mux_timeout'))).toEqual([`mux_timeout ${last.name}`]);
  });

  it('works on a listener, on its own object (S59)', async () => {
    const scene = await openScene(engine);
    scene.mux.setTimeout(scene.listener, SOON);
    await scene.until('mux_timeout listener');
    await scene.client();
    expect(scene.log).toEqual(['mux_timeout listener', 'mux_connection c1']);
  });

  it('a timer in mux_connection and one in mux_timeout of another client do not disturb each other', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_connection: (_, fh) => fh.setTimeout(SOON),
        mux_timeout: (_, fh) => {
          fh.write('t');
          fh.setTimeout(null);
        },
      },
    });
    const peers = await Promise.all(Array.from({ length: 30 }, () => scene.connect()));
    for (const peer of peers) await peer.expect('t');
  });

  it('without mux_timeout in the object a timer does nothing (D2)', async () => {
    const scene = await openScene(engine);
    const { peer, fh } = await scene.client();
    scene.mux.setCallbackObject({ mux_input: (_, handle, data) => void handle.write(data.take()) }, fh);
    fh.setTimeout(0.005);
    const other = await scene.client();
    other.fh.setTimeout(SOON);
    await scene.until('mux_timeout c2');
    await peer.send('alive');
    await peer.expect('alive');
  });

  it.each([-1, Number.NaN, -0.001, Number.POSITIVE_INFINITY * -1, '5', {}, undefined])('%s seconds are a TypeError', async (seconds) => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    expect(() => fh.setTimeout(seconds as never)).toThrow(TypeError);
    expect(() => scene.mux.setTimeout(fh, seconds as never)).toThrow(TypeError);
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1']);
  });

  it('mux.setTimeout answers whether it knows the handle', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    expect(scene.mux.setTimeout(fh, 60)).toBe(true);
    expect(scene.mux.setTimeout(fh, null)).toBe(true);
    scene.mux.close(fh);
    expect(scene.mux.setTimeout(fh, 60)).toBe(false);
    expect(scene.mux.setTimeout(fh, null)).toBe(false);
  });
});

describeEngines('timers: order', (engine) => {
  it('0 seconds: in the same turn, after the input callbacks (S58)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          fh.setTimeout(0);
          scene.journal.add('armed');
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_timeout c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'armed', 'mux_timeout c1']);
  });

  it('0 seconds set outside a callback fires, too', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    fh.setTimeout(0);
    expect(scene.log).toEqual(['mux_connection c1']);
    await scene.until('mux_timeout c1');
  });

  it('a timer that came due while a callback computed fires before input that arrived meanwhile (S56)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          if (data.take().toString() !== 'x') return;
          fh.setTimeout(0.02);
          void peer.send('y');
          block(60);
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_input c1 "y"');
    await peer.finish();
    await scene.until('mux_close c1');
    expect(scene.log).toEqual([
      'mux_connection c1',
      'mux_input c1 "x"',
      'mux_timeout c1',
      'mux_input c1 "y"',
      'mux_eof c1 ""',
      'mux_close c1',
    ]);
  });

  it('set in mux_connection and due before it returned: fires before the first input (S56)', async () => {
    const scene = await openScene(engine, {
      start: false,
      steps: {
        mux_connection: (_, fh) => {
          fh.setTimeout(0.01);
          block(30);
        },
      },
    });
    const peer = await scene.connect();
    await peer.send('x');
    scene.startLoop();
    await scene.until('mux_input c1 "x"');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_timeout c1', 'mux_input c1 "x"']);
  });

  it('input that was waiting comes first, then the timer that it delayed, then newer input (S63)', async () => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, __, data) => {
          if (data.take().toString() !== 'x') return;
          void peer.send('y');
          block(200);
          scene.journal.add('unblocked');
        },
      },
    });
    const { peer, fh } = await scene.client();
    fh.setTimeout(0.1);
    await peer.send('x');
    await scene.until('mux_input c1 "y"');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "x"', 'unblocked', 'mux_timeout c1', 'mux_input c1 "y"']);
  });

  it('timers fire in the order of their times', async () => {
    const scene = await openScene(engine);
    const clients = [await scene.client(), await scene.client(), await scene.client(), await scene.client()];
    const delays = [0.08, 0.02, 0.11, 0.05];
    clients.forEach(({ fh }, index) => {
      fh.setTimeout(delays[index] as number);
    });
    await scene.until('mux_timeout c3');
    expect(scene.log.slice(4)).toEqual(['mux_timeout c2', 'mux_timeout c4', 'mux_timeout c1', 'mux_timeout c3']);
  });
});

describeEngines('timers: accuracy', (engine) => {
  it('many timers: each fires once and none is early', async () => {
    const due = new Map<unknown, number>();
    const early: string[] = [];
    const scene = await openScene(engine, {
      steps: {
        mux_timeout: (_, fh) => {
          const now = performance.now();
          const promised = due.get(fh) as number;
          if (now < promised) early.push(`${scene.journal.nameOf(fh)} ${promised - now} ms`);
        },
      },
    });
    const total = 100;
    await Promise.all(Array.from({ length: total }, () => scene.connect()));
    await scene.until(`mux_connection c${total}`);
    scene.mux.handles().forEach((fh, index) => {
      const milliseconds = 1 + ((index * 37) % 400) + (index % 10) / 10;
      due.set(fh, performance.now() + milliseconds);
      fh.setTimeout(milliseconds / 1000);
    });
    for (let index = 1; index <= total; index += 1) await scene.until(`mux_timeout c${index}`);
    await scene.fence();
    expect(early).toEqual([]);
    expect(scene.log.filter((line) => line.startsWith('mux_timeout'))).toHaveLength(total);
  });

  it('counts from the start of the current group of callbacks, never from before it', async () => {
    let due = 0;
    let fired = 0;
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_, fh, data) => {
          data.consume();
          block(30);
          due = performance.now() + 20;
          fh.setTimeout(0.02);
        },
        mux_timeout: () => {
          fired = performance.now();
        },
      },
    });
    const { peer } = await scene.client();
    await peer.send('x');
    await scene.until('mux_timeout c1');
    // Documented: the time counts from the start of the current group of callbacks, which the block of 30 ms is part of.
    expect(fired).toBeGreaterThanOrEqual(due - 30);
    expect(fired).toBeGreaterThan(0);
  });

  it.each([2 ** 31 / 1000, 2 ** 32 / 1000, 2 ** 31, 1e12, Number.MAX_SAFE_INTEGER])(
    'a delay of %s seconds does not fire at once',
    async (seconds) => {
      const scene = await openScene(engine);
      const a = await scene.client();
      const b = await scene.client();
      a.fh.setTimeout(seconds);
      b.fh.setTimeout(SOON);
      await scene.until('mux_timeout c2');
      await scene.fence();
      expect(scene.log).not.toContain('mux_timeout c1');
      a.fh.setTimeout(SOON);
      await scene.until('mux_timeout c1');
    },
  );

  it('does nothing without a mux_timeout, and a warning says so, once (D2)', async () => {
    const scene = await openScene(engine);
    for (const { fh } of [await scene.client(), await scene.client()]) {
      scene.mux.setCallbackObject({ mux_input: (_mux, _fh, data) => data.consume() }, fh);
      fh.setTimeout(0);
    }
    const { fh } = await scene.client();
    fh.setTimeout(SOON);
    await scene.until('mux_timeout c3');
    expect(scene.warnings).toEqual([expect.stringContaining('has no mux_timeout')]);
  });

  it('an armed timer does not hold up the end of the loop once its handle is closed', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    fh.setTimeout(3600);
    scene.mux.close(fh);
    scene.mux.close(scene.listener);
    await scene.loop;
  });
});

describeEngines('timers: cost', (engine) => {
  it('moving a timer later costs no command, no call into C++ or of the clock, and no memory', async () => {
    const flags = ['--expose-gc', '--max-semi-space-size=128'];
    const child = spawn(process.execPath, [...flags, programPath('move-timers')], { env: programEnvironment(engine) });
    const { code, stdout, stderr } = await new ChildProgram(child).ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { bytesPerMove, ...cost } = JSON.parse(stdout) as Record<string, number>;
    expect(cost).toEqual({ commands: 0, crossings: 0, clocks: 0 });
    expect(bytesPerMove).toBeLessThan(1); // the smallest object has 12
  });
});
