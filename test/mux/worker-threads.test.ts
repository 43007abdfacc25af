/** The library in several environments of one process, and the end of an environment at every stage of its life. */
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { start } from './child-program.js';

const stages = [
  'loaded',
  'constructed',
  'binding',
  'listening',
  'loop started',
  'mux_connection',
  'clients connected',
  'mux_input',
  'clients served',
  'output queued',
  'mux_timeout',
  'timer armed',
  'connecting',
  'mux_eof',
  'mux_close',
  'ending',
  'ended',
  'disposed',
];

/** A worker for each stage, each with a server and clients, on a busy machine. */
const MANY_WORKERS_MS = 120_000;

/** Starting Node takes most of the time: a few at once. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const one = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([one(), one(), one()]);
}

describeEngines('worker threads', (engine) => {
  it('several workers serve at once, are ended in four ways with clients connected, and leave the process alone', async () => {
    expect(await start(engine, 'workers').ending()).toMatchObject({ code: 0, signal: null, stdout: 'ok\n' });
  });

  it.each(['exit', 'throw'])('a worker may end by %s at every stage', { timeout: MANY_WORKERS_MS }, async (way) => {
    const ending = start(engine, 'worker-exit', [way, ...stages]).ending(MANY_WORKERS_MS);
    expect(await ending).toMatchObject({ code: 0, signal: null, stdout: 'ok\n' });
  });

  it('leave no descriptor behind, ended with handles of each kind and output that nobody takes', async () => {
    const { code, stdout, stderr } = await start(engine, 'worker-leaks', ['12']).ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { first, last } = JSON.parse(stdout);
    expect(last.descriptors).toBe(first.descriptors);
  });
});

describeEngines('two copies of the package in one process', (engine) => {
  it('are two reactors that can talk to each other', async () => {
    const { code, stdout, stderr } = await start(engine, 'two-copies').ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { shared, engines, heard } = JSON.parse(stdout);
    expect({ shared, engines }).toEqual({ shared: false, engines: [engine, engine] });
    expect(heard.map((texts: string[]) => texts.sort())).toEqual([
      ['heard first', 'other'],
      ['first', 'heard other'],
    ]);
  });
});

describeEngines('exit of the process', (engine) => {
  it.each([
    ['exit', 0, stages],
    ['throw', 1, stages.filter((_, index) => index % 2 === 0)],
  ] as const)(
    'by %s at any stage gives code %d and no signal',
    async (way, expected, chosen) => {
      const endings: Record<string, unknown> = {};
      await inParallel(chosen, async (stage) => {
        const { code, signal, stderr } = await start(engine, 'exit-stage', [stage, way]).ending();
        if (code !== expected || signal !== null) endings[stage] = { code, signal, stderr };
      });
      expect(endings).toEqual({});
    },
    MANY_WORKERS_MS,
  );
});
