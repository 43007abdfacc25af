import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CloseMode, CommandKind } from '../../src/engine/engine.js';
import { TimerHeap } from '../../src/engine/reactor/timer-heap.js';
import { Probe, rounds } from './probe.js';

/** Holds up this thread, as a callback does that computes for too long. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

describe('timers of the node engine', () => {
  it('come in the order of their deadlines, never early', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const slots = [listener];
    for (let i = 0; i < 4; i += 1) slots.push((await probe.client(listener)).slot);
    const late: number[] = [];
    probe.answer = ({ kind, slot }) => {
      if (kind === 'Timer') late.push(probe.engine.now() - probe.engine.memory.deadline[slot]!);
    };
    [50, 10, 30, 20, 40].forEach((delay, index) => {
      probe.arm(slots[index]!, delay);
    });
    await probe.until('Timer', 5);
    expect(probe.of('Timer').map(({ slot }) => slots.indexOf(slot))).toEqual([1, 3, 2, 4, 0]);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThan(500);
  });

  it('that was moved later by a store comes later, once', async () => {
    const probe = new Probe();
    const slot = await probe.listen();
    const first = probe.arm(slot, 20);
    await once(AbortSignal.timeout(5), 'abort');
    probe.engine.memory.deadline[slot] = first + 100;
    await probe.until('Timer');
    expect(probe.engine.now()).toBeGreaterThanOrEqual(first + 100);
    expect(probe.engine.memory.wheelDue[slot]).toBe(0);
    await once(AbortSignal.timeout(50), 'abort');
    expect(probe.of('Timer')).toHaveLength(1);
  });

  it('that was moved closer by an Arm comes then, and not again at the old time', async () => {
    const probe = new Probe();
    const slot = await probe.listen();
    probe.arm(slot, 150);
    probe.arm(slot, 10);
    const start = performance.now();
    await probe.until('Timer');
    expect(performance.now() - start).toBeLessThan(140);
    await once(AbortSignal.timeout(200), 'abort');
    expect(probe.of('Timer')).toHaveLength(1);
  });

  it('that was cancelled by a store, or in the batch that armed it, does not come and can be armed again', async () => {
    const probe = new Probe();
    const slot = await probe.listen();
    const { deadline, wheelDue } = probe.engine.memory;
    wheelDue[slot] = probe.arm(slot, 10);
    deadline[slot] = 0;
    probe.engine.flush();
    expect(wheelDue[slot]).toBe(0);
    probe.arm(slot, 10);
    probe.engine.flush();
    deadline[slot] = 0;
    await once(AbortSignal.timeout(60), 'abort');
    expect(probe.of('Timer')).toEqual([]);
    expect(wheelDue[slot]).toBe(0);
    probe.arm(slot, 1);
    await probe.until('Timer');
  });

  it('of a closed slot dies with it', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const { slot } = await probe.client(listener);
    probe.arm(slot, 20);
    probe.engine.flush();
    probe.command(CommandKind.Close, slot);
    probe.engine.flush();
    const next = await probe.client(listener);
    expect(next.slot).toBe(slot);
    await once(AbortSignal.timeout(80), 'abort');
    expect(probe.of('Timer')).toEqual([]);
  });

  it('comes after input that was there before it was due', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.arm(slot, 10);
    probe.engine.flush();
    peer.write('in time');
    block(30);
    await probe.until('Timer');
    expect(probe.log.slice(1)).toEqual(['Data', 'Timer']);
  });

  it('that is due while a callback runs comes at the end of that turn, before input that arrived meanwhile', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const first = await probe.client(listener);
    const second = await probe.client(listener);
    probe.answer = ({ kind, slot }) => {
      if (kind !== 'Data' || slot !== first.slot) return;
      probe.arm(first.slot, 10);
      second.peer.write('meanwhile');
      block(30);
    };
    first.peer.write('go');
    await probe.untilInput(second.slot, 9);
    expect(probe.log.slice(2)).toEqual(['Data', 'Timer', 'Data']);
  });
});

describe('timers and connections that waited', () => {
  it('a timer that is due before its connection was announced to the end comes before the input', async () => {
    const probe = new Probe();
    const listener = await probe.engine.listen({ family: 4, host: '127.0.0.1', port: 0 }, {});
    const peer = connect(probe.port(listener), '127.0.0.1');
    await once(peer, 'connect');
    peer.write('early');
    await rounds(5);
    probe.answer = ({ kind, slot }) => {
      if (kind !== 'Accept') return;
      probe.arm(slot, 5);
      block(20);
    };
    probe.command(CommandKind.Start, listener);
    await probe.until('Data');
    expect(probe.log).toEqual(['Accept', 'Timer', 'Data']);
    peer.destroy();
    probe.command(CommandKind.Close, listener, CloseMode.Abort);
  });
});

describe('TimerHeap', () => {
  it('agrees with a sorted list, also where the clock wraps', () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), slot: fc.nat(15), delay: fc.integer({ min: -100, max: 100_000 }) }),
      fc.record({ kind: fc.constant('remove' as const), slot: fc.nat(15), delay: fc.constant(0) }),
      fc.record({ kind: fc.constant('take' as const), slot: fc.constant(0), delay: fc.nat(50_000) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.array(command, { maxLength: 100 }), (origin, commands) => {
        const heap = new TimerHeap(16);
        const model = new Map<number, number>();
        let now = origin;
        for (const { kind, slot, delay } of commands) {
          if (kind === 'put') {
            heap.put(slot, (now + delay) | 0);
            model.set(slot, (now + delay) | 0);
          } else if (kind === 'remove') {
            heap.remove(slot);
            model.delete(slot);
          } else {
            now = (now + delay) | 0;
            const due = [...model.values()].map((time) => (time - now) | 0).filter((left) => left <= 0);
            const taken = heap.takeDue(now);
            if (due.length === 0) {
              expect(taken).toBe(undefined);
            } else {
              expect((model.get(taken!)! - now) | 0).toBe(Math.min(...due));
              model.delete(taken!);
            }
          }
          const earliest = heap.earliest();
          expect(heap.size).toBe(model.size);
          if (model.size > 0) expect(Math.min(...[...model.values()].map((time) => (time - earliest!) | 0))).toBe(0);
        }
      }),
    );
  });
});
