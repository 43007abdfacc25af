// maxBuffered: bytes that wait in all, and who is closed when they are too many.
import { expect, it } from 'vitest';
import { type Handle, Mux } from '../../src/index.js';
import { describeEngines } from '../engines.js';
import { eventually, openScene, type Scene } from './scene.js';

const MB = 1_000_000;

async function clients(scene: Scene, count: number, reading: boolean) {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push(await scene.client({ reading }));
  return all;
}

describeEngines('maxBuffered', (engine) => {
  it('closes the connection with most bytes waiting, and no other', async () => {
    const scene = await openScene(engine, { mux: { maxBuffered: 40 * MB, maxOutbuffer: 0 } });
    const [small, large, reader] = [...(await clients(scene, 2, false)), ...(await clients(scene, 1, true))] as { fh: Handle }[];
    small!.fh.write(Buffer.alloc(14 * MB));
    large!.fh.write(Buffer.alloc(25 * MB));
    await scene.fence();
    expect(scene.mux.stats().unsent).toBeLessThan(40 * MB);
    expect(scene.log.filter((line) => line.startsWith('mux_close'))).toEqual([]);
    small!.fh.write(Buffer.alloc(10 * MB));
    await scene.until('mux_close c2');
    expect(large!.fh.error).toMatchObject({ code: 'NETMUX_BUFFERED_LIMIT' });
    expect(small!.fh.closed).toBe(false);
    expect(reader!.fh.closed).toBe(false);
    expect(scene.mux.stats().closed.buffered).toBe(1);
  });

  it('what the kernel takes does not count: a broadcast to readers sheds nobody', async () => {
    const scene = await openScene(engine, { mux: { maxBuffered: 2 * MB } });
    const readers = await clients(scene, 5, true);
    for (let round = 0; round < 100; round += 1) {
      for (const { fh } of readers) fh.write(Buffer.alloc(15_000, round));
      await Promise.all(readers.map(({ peer }) => peer.receive(15_000)));
    }
    expect(scene.mux.stats()).toMatchObject({ handles: 5, closed: { buffered: 0 } });
  });

  it('input that is left unread counts, too', async () => {
    const scene = await openScene(engine, { mux: { maxBuffered: 100_000 }, steps: { mux_input: () => {} } });
    const [hoarder, other] = await clients(scene, 2, true);
    await other!.peer.send('a little');
    await hoarder!.peer.send(Buffer.alloc(150_000)).catch(() => {});
    await scene.until('mux_close c1');
    expect(hoarder!.fh.error?.code).toBe('NETMUX_BUFFERED_LIMIT');
    expect(other!.fh.closed).toBe(false);
  });

  it('readers that never read are bounded under a broadcast from a timer, the others get all of it', async () => {
    const scene = await openScene(engine, { mux: { maxBuffered: 20 * MB, maxOutbuffer: 0 } });
    const deaf = await clients(scene, 4, false);
    const good = await clients(scene, 2, true);
    let rounds = 0;
    let most = 0;
    const chunk = Buffer.alloc(500_000, 'x');
    while (deaf.some(({ fh }) => !fh.closed) && rounds < 200) {
      rounds += 1;
      for (const { fh } of [...deaf, ...good]) fh.write(chunk);
      await Promise.all(good.map(({ peer }) => peer.receive(chunk.length)));
      most = Math.max(most, scene.mux.stats().unsent);
    }
    expect(deaf.every(({ fh }) => fh.error?.code === 'NETMUX_BUFFERED_LIMIT')).toBe(true);
    expect(most).toBeLessThanOrEqual(20 * MB);
    expect(good.every(({ fh }) => !fh.closed)).toBe(true);
  });

  it('is that of one multiplexer, while it runs', async () => {
    const scene = await openScene(engine, { mux: { maxBuffered: MB } });
    const unlimited = await openScene(engine, { mux: { maxOutbuffer: 0 } });
    const { fh } = await unlimited.client({ reading: false });
    fh.write(Buffer.alloc(30 * MB));
    const { fh: own } = await scene.client();
    own.write('x'.repeat(900_000));
    await eventually('it is sent', () => own.bufferedAmount === 0);
    expect(fh.closed).toBe(false);
    expect(own.closed).toBe(false);
  });
});

it('maxBuffered is checked', () => {
  expect(() => new Mux({ engine: 'node', maxBuffered: -5 })).toThrow('maxBuffered must be a whole number from 0 (unlimited)');
});
