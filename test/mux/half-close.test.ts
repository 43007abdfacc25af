/**
 * The half-close table, state × event, against real connections. A cell lists the callbacks that the event causes; what is
 * not listed must not happen. `big` output is more than the kernel takes from a client that does not read.
 */
import { expect, it } from 'vitest';
import type { Handle, MuxCallbacks } from '../../src/index.js';
import { describeAllEngines, type TestedEngine } from '../engines.js';
import type { Peer } from './peer.js';
import { openScene, type Scene } from './scene.js';

const BIG = 8 * 1024 * 1024;

/** Over the limit of 16 MiB. */
const TOO_BIG = Buffer.alloc(16 * 1024 * 1024 + 1);

interface Stage {
  readonly scene: Scene;
  readonly peer: Peer;
  readonly fh: Handle;
}

interface State {
  /** Brings a connection into the state. */
  readonly enter: (stage: Stage) => void | Promise<void>;
  readonly allowHalfOpen?: boolean;
  /** `false`: the client does not read, so that output stays queued. */
  readonly reading?: boolean;
  readonly steps?: MuxCallbacks;
  /** Event → what it causes. */
  readonly cells: Readonly<Record<string, readonly string[]>>;
}

const events: Readonly<Record<string, (stage: Stage) => unknown>> = {
  'data comes': ({ peer }) => peer.send('data'),
  'FIN comes': ({ peer }) => peer.finish(),
  'RST comes': ({ peer }) => peer.reset(),
  'shutdown(0)': ({ fh }) => fh.shutdown(0),
  'shutdown(1)': ({ fh }) => fh.shutdown(1),
  'shutdown(2)': ({ fh }) => fh.shutdown(2),
  'close()': ({ fh }) => fh.close(),
  'mux.close': ({ scene, fh }) => scene.mux.close(fh),
  'a callback throws': ({ fh }) => fh.setTimeout(0),
  'the limit is exceeded': ({ fh }) => fh.write(TOO_BIG),
  'the output drains': async ({ peer }) => {
    peer.startReading();
    await peer.receive(BIG);
  },
};

const input = 'mux_input c1 "data"';
const eof = 'mux_eof c1 ""';
const epipe = 'mux_epipe c1';
const close = 'mux_close c1';
const thrown = ['mux_timeout c1', 'mux_error c1 on purpose'];
const limit = 'mux_error c1 NETMUX_OUTBUFFER_LIMIT';

// What depends on the state of writing only.
const writeOpen = { 'mux.close': [close], 'a callback throws': [...thrown, close], 'the limit is exceeded': [limit, close] };
const writeQueued = { ...writeOpen, 'a callback throws': thrown };
const writeFlushing = { ...writeQueued, 'the limit is exceeded': [] };
const writeShut = { ...writeOpen, 'the limit is exceeded': [] };

const states: Readonly<Record<string, State>> = {
  'read open, write open': {
    enter: () => {},
    cells: {
      'data comes': [input],
      'FIN comes': [eof, close],
      'RST comes': [eof, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [close],
      'close()': [close],
      ...writeOpen,
    },
  },
  'read open, write open with output queued': {
    reading: false,
    enter: ({ fh }) => void fh.write(Buffer.alloc(BIG)),
    cells: {
      'data comes': [input],
      'FIN comes': [eof],
      'RST comes': [eof, epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [eof],
      'close()': [eof],
      ...writeQueued,
      'the output drains': [],
    },
  },
  'read open with input unread, write open': {
    steps: { mux_input: () => {} },
    enter: async ({ scene, peer }) => {
      await peer.send('rest');
      await scene.until('mux_input c1 "rest"');
    },
    cells: {
      'data comes': ['mux_input c1 "restdata"'],
      'FIN comes': ['mux_eof c1 "rest"', close],
      'RST comes': ['mux_eof c1 "rest"', close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': ['mux_eof c1 "rest"', close],
      'close()': ['mux_eof c1 "rest"', close],
      ...writeOpen,
    },
  },
  'read paused, write open': {
    enter: ({ fh }) => fh.pause(),
    cells: {
      'data comes': [],
      'FIN comes': [],
      'RST comes': [],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [close],
      'close()': [close],
      ...writeOpen,
    },
  },
  'read ended, write open (allowHalfOpen)': {
    allowHalfOpen: true,
    enter: async ({ scene, peer }) => {
      await peer.finish();
      await scene.until(eof);
    },
    cells: {
      'shutdown(0)': [],
      'shutdown(1)': [close],
      'shutdown(2)': [close],
      'close()': [close],
      ...writeOpen,
    },
  },
  'read ended, write flushing': {
    reading: false,
    enter: async ({ scene, peer, fh }) => {
      fh.write(Buffer.alloc(BIG));
      await peer.finish();
      await scene.until(eof);
    },
    cells: {
      'RST comes': [epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [],
      'close()': [],
      ...writeFlushing,
      'the output drains': [close],
    },
  },
  'read shut, write open': {
    enter: ({ fh }) => fh.shutdown(0),
    cells: {
      'data comes': [],
      'FIN comes': [],
      // Nobody reads, so the next write would be the first to hear of it, if there is one. It is told at once.
      'RST comes': [epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [close],
      'shutdown(2)': [close],
      'close()': [close],
      ...writeOpen,
    },
  },
  'read shut, write open with output queued': {
    reading: false,
    enter: ({ fh }) => {
      fh.write(Buffer.alloc(BIG));
      fh.shutdown(0);
    },
    cells: {
      'data comes': [],
      'FIN comes': [],
      'RST comes': [epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [],
      'close()': [],
      ...writeQueued,
      'the output drains': [],
    },
  },
  'read shut, write flushing': {
    reading: false,
    enter: ({ fh }) => {
      fh.write(Buffer.alloc(BIG));
      fh.shutdown(0);
      fh.shutdown(1);
    },
    cells: {
      'data comes': [],
      'FIN comes': [],
      'RST comes': [epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [],
      'close()': [],
      ...writeFlushing,
      'the output drains': [close],
    },
  },
  'read open, write flushing': {
    reading: false,
    enter: ({ fh }) => {
      fh.write(Buffer.alloc(BIG));
      fh.shutdown(1);
    },
    cells: {
      'data comes': [input],
      'FIN comes': [eof],
      'RST comes': [eof, epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [eof],
      'close()': [eof],
      ...writeFlushing,
      'the output drains': [],
    },
  },
  'read open, write shut': {
    enter: async ({ peer, fh }) => {
      fh.shutdown(1);
      await peer.end();
    },
    cells: {
      'data comes': [input],
      'FIN comes': [eof, close],
      'RST comes': [eof, close],
      'shutdown(0)': [close],
      'shutdown(1)': [],
      'shutdown(2)': [close],
      'close()': [close],
      ...writeShut,
    },
  },
  'closing gracefully': {
    reading: false,
    enter: async ({ scene, fh }) => {
      fh.write(Buffer.alloc(BIG));
      fh.close();
      await scene.until(eof);
    },
    cells: {
      'data comes': [],
      'FIN comes': [],
      'RST comes': [epipe, close],
      'shutdown(0)': [],
      'shutdown(1)': [],
      'shutdown(2)': [],
      'close()': [],
      ...writeFlushing,
      'the output drains': [close],
    },
  },
};

const cells = Object.entries(states).flatMap(([name, state]) =>
  Object.entries(state.cells).map(([event, expected]) => [name, event, expected, state] as const),
);

async function enter(engine: TestedEngine, state: State): Promise<Stage> {
  const mux_timeout = () => {
    throw new Error('on purpose');
  };
  const scene = await openScene(engine, { mux: { allowHalfOpen: state.allowHalfOpen === true }, steps: { mux_timeout, ...state.steps } });
  const { peer, fh } = await scene.client({ reading: state.reading !== false });
  const stage = { scene, peer, fh };
  await state.enter(stage);
  await scene.fence();
  return stage;
}

describeAllEngines('half-close', (engine) => {
  it.each(cells)('%s: when %s → %j', async (_, event, expected, state) => {
    const stage = await enter(engine, state);
    const before = stage.scene.log.length;
    await events[event]?.(stage);
    const last = expected.at(-1);
    if (last !== undefined) await stage.scene.until(last);
    await stage.scene.fence();
    expect(stage.scene.log.slice(before)).toEqual(expected);
    expect(stage.fh.closed).toBe(expected.includes(close));
    expect(stage.scene.warnings).toEqual([]);
  });
});
