import { once } from 'node:events';
import { readSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { CloseMode, CommandKind, Interest } from '../../src/engine/engine.js';
import { Probe, received, rounds } from './probe.js';

const { ECONNRESET, EFAULT, EPIPE } = constants.errno;

describe('input', () => {
  it('is echoed by a forward without being copied', async () => {
    const probe = new Probe();
    probe.answer = ({ kind, slot, offset, bytes }) => {
      if (kind === 'Data') probe.engine.ring.forward(slot, offset!, bytes!.length);
    };
    const { peer, slot } = await probe.client(await probe.listen());
    peer.write('hello');
    const [echo] = (await once(peer, 'data')) as [Buffer];
    expect(echo.toString()).toBe('hello');
    expect(probe.engine.memory.traffic.slice(2 * slot, 2 * slot + 2)).toEqual(new Float64Array([5, 5]));
  });

  it('comes in records of at most readSize bytes, one in a batch', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen({ readSize: 4 }));
    peer.end('0123456789');
    await probe.until('Eof');
    expect(probe.of('Data').map(({ bytes }) => bytes!.toString())).toEqual(['0123', '4567', '89']);
    expect(new Set(probe.of('Data').map(({ batch }) => batch)).size).toBe(3);
    expect(probe.seen.at(-1)).toMatchObject({ kind: 'Eof', slot, a: 0 });
  });

  it('stops with the very record whose callback pauses, and loses nothing', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen({ readSize: 4 }));
    probe.answer = ({ kind }) => {
      if (kind === 'Data' && probe.of('Data').length === 2) probe.command(CommandKind.Pause, slot);
    };
    peer.end('0123456789abcdef'.repeat(10_000));
    await probe.until('Data', 2);
    await rounds(10);
    expect(probe.log).toEqual(['Accept', 'Data', 'Data']);
    probe.answer = () => {};
    probe.command(CommandKind.Resume, slot);
    await probe.until('Eof');
    expect(probe.input(slot)).toBe('0123456789abcdef'.repeat(10_000));
  });

  it('of a paused connection that was reset is told after it is resumed', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.command(CommandKind.Pause, slot);
    peer.write('last words');
    await rounds(5);
    peer.resetAndDestroy();
    await rounds(10);
    expect(probe.log).toEqual(['Accept']);
    probe.command(CommandKind.Resume, slot);
    const end = await probe.until('Eof');
    expect(end.a).toBe(ECONNRESET);
    expect(probe.input(slot)).toBe('last words');
  });

  it('that is discarded is answered with one end and nothing more', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.command(CommandKind.Discard, slot, 1);
    await probe.until('Eof');
    peer.end('nobody wants this');
    await rounds(10);
    expect(probe.log).toEqual(['Accept', 'Eof']);
    expect(probe.engine.memory.traffic[2 * slot]).toBe(17);
  });
});

describe('output', () => {
  it('of one turn leaves in order, texts, bytes and references', async () => {
    const probe = new Probe();
    const large = Buffer.alloc(100_000, 'x');
    const { peer, slot } = await probe.client(await probe.listen());
    const all = received(peer);
    probe.answer = ({ kind }) => {
      if (kind !== 'Data') return;
      probe.engine.ring.writeText(slot, 'one ');
      probe.engine.ring.writeBytes(slot, large);
      probe.engine.ring.writeText(slot, ' two ü');
      probe.command(CommandKind.ShutWrite, slot);
    };
    peer.write('go');
    const { bytes, by } = await all;
    expect(by).toBe('fin');
    expect(bytes.toString()).toBe(`one ${large.toString()} two ü`);
  });

  it('is reported drained where that is of interest, also when it left at once or was empty', async () => {
    const probe = new Probe();
    const { slot } = await probe.client(await probe.listen());
    probe.engine.ring.writeText(slot, 'not of interest');
    await rounds(5);
    probe.engine.memory.interest[slot] = Interest.Drained;
    probe.engine.ring.writeText(slot, 'x');
    await probe.until('Drained', 1);
    probe.engine.ring.writeText(slot, '');
    await probe.until('Drained', 2);
    await rounds(5);
    expect(probe.of('Drained')).toHaveLength(2);
  });

  it('counts as unsent until the kernel has it, and is drained and flushed then', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen(), true);
    probe.engine.memory.interest[slot] = Interest.Drained;
    const { unsent } = probe.engine.memory;
    const part = Buffer.alloc(1_000_000, 'y');
    for (let i = 0; i < 16; i += 1) probe.engine.ring.writeBytes(slot, part);
    expect(unsent[slot]).toBe(16_000_000);
    probe.command(CommandKind.ShutWrite, slot);
    await rounds(10);
    expect(unsent[slot]).toBeGreaterThan(0);
    expect(unsent[slot]! + probe.engine.memory.traffic[2 * slot + 1]!).toBe(16_000_000);
    expect(probe.engine.outbox(slot)).toHaveLength(unsent[slot]!);
    expect(probe.log).toEqual(['Accept']);
    const { bytes, by } = await received(peer);
    expect([bytes.length, by]).toEqual([16_000_000, 'fin']);
    expect(unsent[slot]).toBe(0);
    await probe.until('Flushed');
    expect(probe.log).toEqual(['Accept', 'Drained', 'Flushed']);
  });

  it('is shut with one Flushed when nothing was queued', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.command(CommandKind.ShutWrite, slot);
    expect((await received(peer)).by).toBe('fin');
    await probe.until('Flushed');
    peer.write('still heard');
    expect(await probe.untilInput(slot, 11)).toBe('still heard');
    expect(probe.of('Flushed')).toHaveLength(1);
  });

  it('that is killed is gone but for one piece, never reported drained, and what follows is sent', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen(), true);
    probe.engine.memory.interest[slot] = Interest.Drained;
    probe.engine.ring.writeBytes(slot, Buffer.alloc(20_000_000, 'k'));
    await rounds(5);
    const sent = probe.engine.memory.traffic[2 * slot + 1]!;
    probe.command(CommandKind.KillOutput, slot);
    await rounds(2);
    const kept = probe.engine.memory.unsent[slot]!;
    expect(kept).toBeLessThanOrEqual(64 * 1024);
    const all = received(peer);
    await expect.poll(() => probe.engine.memory.unsent[slot]).toBe(0);
    await rounds(5);
    expect(probe.of('Drained')).toEqual([]);
    probe.engine.ring.writeText(slot, 'after');
    probe.command(CommandKind.ShutWrite, slot);
    const { bytes } = await all;
    expect(bytes.length).toBe(sent + kept + 5);
    expect(bytes.subarray(-5).toString()).toBe('after');
    await probe.until('Flushed');
    expect(probe.of('Drained')).toHaveLength(1);
  });

  it('that is killed while it was to be shut still ends in Flushed', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen(), true);
    probe.engine.ring.writeBytes(slot, Buffer.alloc(20_000_000));
    probe.command(CommandKind.ShutWrite, slot);
    await rounds(5);
    probe.command(CommandKind.KillOutput, slot);
    expect((await received(peer)).by).toBe('fin');
    await probe.until('Flushed');
  });

  it('to a peer that has reset ends in one WriteFailed, after the end of input', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.answer = ({ kind }) => {
      if (kind !== 'Eof') return;
      probe.engine.ring.writeText(slot, 'too late');
      probe.command(CommandKind.ShutWrite, slot);
    };
    peer.resetAndDestroy();
    const failure = await probe.until('WriteFailed');
    await rounds(5);
    expect(failure.a).toBe(EPIPE);
    expect(probe.of('Eof')).toMatchObject([{ a: ECONNRESET }]);
    expect(probe.log).toEqual(['Accept', 'Eof', 'WriteFailed']);
    expect(probe.engine.memory.unsent[slot]).toBe(0);
  });

  it('that waits when the peer resets fails after the end of input was told', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen(), true);
    probe.engine.ring.writeBytes(slot, Buffer.alloc(20_000_000));
    probe.command(CommandKind.ShutWrite, slot);
    await rounds(5);
    let queued = 0;
    probe.answer = ({ kind }) => {
      if (kind === 'Eof') queued = probe.engine.memory.unsent[slot]!;
    };
    peer.resetAndDestroy();
    await probe.until('WriteFailed');
    await rounds(5);
    expect(probe.log).toEqual(['Accept', 'Eof', 'WriteFailed']);
    // Who hears of the end still sees that output waited for it.
    expect(queued).toBeGreaterThan(0);
    expect(probe.of('Eof')[0]!.a).toBe(ECONNRESET);
  });

  it('from a buffer that was detached before it was sent fails', async () => {
    const probe = new Probe();
    const { slot } = await probe.client(await probe.listen());
    const bytes = new Uint8Array(100_000);
    probe.engine.ring.writeBytes(slot, bytes);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    const failure = await probe.until('WriteFailed');
    expect(failure.a).toBe(EFAULT);
  });

  it('of the ring is executed by drain in the middle of a turn, closes are not', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const { peer, slot } = await probe.client(listener);
    const other = await probe.client(listener);
    const all = received(peer);
    probe.answer = ({ kind }) => {
      if (kind !== 'Data') return;
      probe.command(CommandKind.Close, other.slot, CloseMode.Abort);
      for (let i = 0; i < 10_000; i += 1) {
        probe.engine.ring.writeText(slot, 'a');
        probe.engine.ring.writeText(other.slot, 'b');
      }
      const generation = probe.engine.memory.generation[other.slot]!;
      probe.engine.drain();
      expect(probe.engine.memory.generation[other.slot]).toBe(generation);
      probe.command(CommandKind.ShutWrite, slot);
    };
    peer.write('go');
    expect((await all).bytes.toString()).toBe('a'.repeat(10_000));
    await rounds();
    expect(probe.of('WriteFailed')).toEqual([]);
  });
});

describe('closing', () => {
  it('gives the slot to a later connection under another generation, and drops commands of the earlier one', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const { peer, slot } = await probe.client(listener);
    const generation = probe.engine.memory.generation[slot]!;
    probe.command(CommandKind.Close, slot, CloseMode.Abort);
    probe.command(CommandKind.ShutWrite, slot);
    await received(peer);
    const next = await probe.client(listener);
    expect(next.slot).toBe(slot);
    expect(probe.engine.memory.generation[slot]).not.toBe(generation);
    expect(probe.engine.memory.traffic.slice(2 * slot, 2 * slot + 2)).toEqual(new Float64Array(2));
    await rounds();
    expect(probe.log).toEqual(['Accept', 'Accept']);
  });

  it('with Abort drops what is queued, also what was written in the same turn', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    const all = received(peer);
    probe.answer = ({ kind }) => {
      if (kind !== 'Data') return;
      probe.engine.ring.writeText(slot, 'dropped');
      probe.command(CommandKind.Close, slot, CloseMode.Abort);
    };
    peer.write('go');
    expect((await all).bytes).toHaveLength(0);
  });

  it('with Reset lets the peer see a reset', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    const all = received(peer);
    probe.command(CommandKind.Close, slot, CloseMode.Reset);
    expect((await all).by).toBe('ECONNRESET');
  });

  it('with Linger delivers all that was flushed to a peer whose input was never read', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen(), true);
    probe.command(CommandKind.Pause, slot);
    peer.write('unread input');
    probe.engine.ring.writeBytes(slot, Buffer.alloc(500_000, 'z'));
    probe.command(CommandKind.ShutWrite, slot);
    probe.answer = ({ kind }) => {
      if (kind === 'Flushed') probe.command(CommandKind.Close, slot, CloseMode.Linger);
    };
    await rounds(5);
    peer.write('more of it');
    const { bytes, by } = await received(peer);
    expect([bytes.length, by]).toEqual([500_000, 'fin']);
    peer.end();
    await once(peer, 'close');
    expect(peer.errored).toBe(null);
  });

  it('with Linger gives up a peer that sends without end, and reports nothing meanwhile', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.command(CommandKind.Close, slot, CloseMode.Linger);
    const flood = Buffer.alloc(64 * 1024);
    const more = () => {
      while (!peer.destroyed && peer.write(flood));
    };
    peer.on('drain', more);
    const closed = new Promise((resolve) => peer.on('close', resolve));
    more();
    await closed;
    expect(['ECONNRESET', 'EPIPE']).toContain((peer.errored as NodeJS.ErrnoException).code);
    expect(probe.log).toEqual(['Accept']);
  });

  it('with Linger ends after two seconds a connection whose peer stays silent', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    const start = performance.now();
    probe.command(CommandKind.Close, slot, CloseMode.Linger);
    expect((await received(peer)).by).toBe('fin');
    // Only a descriptor that is closed answers with a reset.
    while (peer.errored === null) {
      peer.write('x');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(performance.now() - start).toBeGreaterThan(1_900);
    expect(performance.now() - start).toBeLessThan(6_000);
  });

  it('a listener drops the connections that were accepted but not announced', async () => {
    const probe = new Probe();
    const listener = await probe.engine.listen({ family: 4, host: '127.0.0.1', port: 0 }, {});
    const peers = [1, 2, 3].map(() => connect(probe.port(listener), '127.0.0.1'));
    await Promise.all(peers.map((peer) => once(peer, 'connect')));
    await rounds(10);
    expect(probe.log).toEqual([]);
    const ends = peers.map((peer) => received(peer));
    probe.command(CommandKind.Close, listener, CloseMode.Abort);
    for (const end of ends) expect((await end).bytes).toHaveLength(0);
    expect(probe.log).toEqual([]);
  });
});

describe('release', () => {
  it('gives the descriptor back, open, and reports nothing more', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    const descriptor = probe.engine.descriptor(slot);
    expect(descriptor).toBeGreaterThan(2);
    expect(probe.engine.release(slot)).toBe(descriptor);
    peer.write('not read');
    await rounds(5);
    writeSync(descriptor, 'by number');
    const [bytes] = (await once(peer, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('by number');
    const buffer = Buffer.alloc(20);
    expect(readSync(descriptor, buffer)).toBe(8);
    expect(probe.log).toEqual(['Accept']);
  });
});
