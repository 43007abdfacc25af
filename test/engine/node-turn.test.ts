import { once } from 'node:events';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { CloseMode, CommandKind, Control, Interest } from '../../src/engine/engine.js';
import { Probe, received, rounds } from './probe.js';

describe('a turn of the node engine', () => {
  it('delivers the results of its commands as further batches, and calls nobody inside of flush', async () => {
    const probe = new Probe();
    const { peer, slot } = await probe.client(await probe.listen());
    probe.engine.memory.interest[slot] = Interest.Drained;
    const inTurn: number[] = [];
    probe.answer = ({ kind }) => {
      inTurn.push(probe.engine.memory.control[Control.InTurn]!);
      probe.engine.flush();
      if (kind === 'Data') probe.engine.ring.writeText(slot, 'answer');
    };
    peer.write('go');
    const drained = await probe.until('Drained');
    expect(drained.batch).toBe(probe.of('Data')[0]!.batch + 1);
    expect(inTurn).toEqual([1, 1]);
    expect(probe.engine.memory.control[Control.InTurn]).toBe(0);
    probe.engine.ring.writeText(slot, 'from outside');
    probe.engine.flush();
    expect(probe.of('Drained')).toHaveLength(1);
    await probe.until('Drained', 2);
  });

  it('with a callback that always writes still lets others have their turn', async () => {
    const probe = new Probe();
    const listener = await probe.listen();
    const busy = await probe.client(listener);
    const other = await probe.client(listener);
    busy.peer.resume();
    probe.engine.memory.interest[busy.slot] = Interest.Drained;
    probe.answer = ({ kind, slot }) => {
      if (kind === 'Drained') probe.engine.ring.writeText(busy.slot, '');
      if (slot === other.slot) probe.engine.memory.interest[busy.slot] = 0;
    };
    probe.engine.ring.writeText(busy.slot, '');
    await probe.until('Drained', 100);
    other.peer.write('me too');
    expect(await probe.untilInput(other.slot, 6)).toBe('me too');
  });

  it('goes on after a dispatcher that threw, with what it had ordered and what was left', async () => {
    const probe = new Probe();
    const listener = await probe.engine.listen({ family: 4, host: '127.0.0.1', port: 0 }, {});
    const peers = [1, 2].map(() => connect(probe.port(listener), '127.0.0.1'));
    await Promise.all(peers.map((peer) => once(peer, 'connect')));
    await rounds(5);
    const thrown = new Promise((resolve) => {
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other);
        resolve(error);
      });
    });
    probe.answer = ({ slot }) => {
      probe.engine.ring.writeText(slot, 'written before');
      probe.answer = () => {};
      throw new Error('from the dispatcher');
    };
    probe.command(CommandKind.Start, listener);
    const [first] = await Promise.race(peers.map((peer) => once(peer, 'data')));
    expect(String(first)).toBe('written before');
    expect(await thrown).toMatchObject({ message: 'from the dispatcher' });
    expect(probe.engine.memory.control[Control.InTurn]).toBe(0);
    peers[1]!.write('served');
    await probe.until('Data');
    for (const peer of peers) peer.destroy();
    probe.command(CommandKind.Close, listener, CloseMode.Abort);
  });
});

describe('the slot table', () => {
  it('when full refuses like a full descriptor table, and says so once a second', async () => {
    const probe = new Probe(2);
    const listener = await probe.listen();
    const { peer, slot } = await probe.client(listener);
    const ends = [1, 2, 3].map(() => received(connect(probe.port(listener), '127.0.0.1')));
    for (const end of ends) expect((await end).bytes).toHaveLength(0);
    expect(probe.of('ListenerError')).toMatchObject([{ slot: listener, a: constants.errno.EMFILE }]);
    const full = expect.objectContaining({ code: 'EMFILE' });
    expect(() => probe.engine.connect({ family: 4, host: '127.0.0.1', port: 1 }, {})).toThrow(full);
    await expect(probe.engine.listen({ family: 4, host: '127.0.0.1', port: 0 }, {})).rejects.toThrow(full);
    await expect(probe.engine.bind({ family: 4, host: '127.0.0.1', port: 0 }, {})).rejects.toThrow(full);
    probe.command(CommandKind.Close, slot, CloseMode.Abort);
    await received(peer);
    expect((await probe.client(listener)).slot).toBe(slot);
  });

  it('counts a lingering connection until its descriptor is closed', async () => {
    const probe = new Probe(2);
    const listener = await probe.listen();
    const { peer, slot } = await probe.client(listener);
    probe.command(CommandKind.Close, slot, CloseMode.Linger);
    await received(peer);
    await received(connect(probe.port(listener), '127.0.0.1'));
    expect(probe.of('ListenerError')).toHaveLength(1);
    peer.end();
    await rounds(10);
    expect((await probe.client(listener)).slot).toBe(slot);
  });

  it('gives slots out again in the order in which they were freed', async () => {
    const probe = new Probe(8);
    const listener = await probe.listen();
    const clients = [await probe.client(listener), await probe.client(listener), await probe.client(listener)];
    for (const index of [1, 0, 2]) {
      probe.command(CommandKind.Close, clients[index]!.slot, CloseMode.Abort);
      probe.engine.flush();
    }
    const again = [await probe.client(listener), await probe.client(listener), await probe.client(listener)];
    expect(again.map(({ slot }) => slot)).toEqual([clients[1]!.slot, clients[0]!.slot, clients[2]!.slot]);
  });
});
