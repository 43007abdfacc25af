/**
 * Limits of time, and timers beside them, under scripts of any kind: to the millisecond in memory, where the clock goes when it is told to. On
 * sockets nobody can say when a busy machine looks; there only that is asserted which holds however late everything is: who must be closed
 * is, by a limit that may be it, and nobody else. NETMUX_MODEL_RUNS and NETMUX_MODEL_SEED as for the larger half of the model.
 */
import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Handle, Mux, type MuxCallbacks } from '../../src/index.js';
import { type Peer, TestNetwork } from '../../src/testing/index.js';
import { engines, type SocketEngine } from '../engines.js';
import { eventually } from '../mux/scene.js';
import { CLIENT_BUFFER_BYTES, MESSAGE_BYTES, TimeReference, type TimeScript, type TimeStep, timeScript } from './time-reference.js';

const FACTOR = Number(process.env.NETMUX_MODEL_RUNS ?? 1);
const SEED = Number(process.env.NETMUX_MODEL_SEED ?? Date.now() % 2 ** 31);
const RUNS = 300;
const TIMEOUT_MS = 60_000 * FACTOR;

const PORT = 7000;

/** A server in memory that writes down what it hears of time, and when. */
class TimedServer {
  readonly told: string[][] = [];
  readonly #network = new TestNetwork({ socketBuffer: CLIENT_BUFFER_BYTES });
  readonly #mux: Mux;
  readonly #handles: Handle[] = [];
  readonly #peers: Peer[] = [];
  #connecting = 0;

  constructor({ steps: _, ...limits }: TimeScript) {
    this.#mux = new Mux({ engine: this.#network.engine, ...limits, warn: () => {} });
    const tell = (fh: Handle, what: string) =>
      this.told[this.#handles.indexOf(fh)]!.push(`${Math.round(this.#network.now * 1000)} ${what}`);
    this.#mux.setCallbackObject({
      mux_connection: (_mux, fh) => {
        this.#handles[this.#connecting] = fh;
      },
      mux_input: (_mux, _fh, data) => data.consume(data.length - (data.length % MESSAGE_BYTES)),
      mux_timeout: (_mux, fh) => tell(fh, 'mux_timeout'),
      mux_error: (_mux, fh, { code }) => tell(fh, `mux_error ${code}`),
      mux_close: (_mux, fh) => tell(fh, 'mux_close'),
    } satisfies MuxCallbacks);
  }

  async open(): Promise<void> {
    await this.#mux.listen({ port: PORT }).ready;
    void this.#mux.loop();
  }

  take(step: TimeStep): void {
    if (!('does' in step)) this.#network.advance(step.ms / 1000);
    else if ('client' in step) this.#client(step);
    else this.#serve(this.#handles[step.server]!, step);
    this.#network.run();
  }

  close(): Promise<void> {
    return this.#mux[Symbol.asyncDispose]();
  }

  #client(step: Extract<TimeStep, { client: number }>): void {
    const peer = this.#peers[step.client]!;
    if (step.does === 'connect') {
      this.#connecting = step.client;
      this.told[step.client] = [];
      this.#peers[step.client] = this.#network.connect({ port: PORT });
    } else if (step.does === 'send') peer.write(Buffer.alloc(step.bytes));
    else if (step.does === 'stop reading') peer.pause();
    else peer.resume();
  }

  #serve(fh: Handle, step: Extract<TimeStep, { server: number }>): void {
    if (step.does === 'write') fh.write(Buffer.alloc(step.bytes));
    else if (step.does === 'timer') fh.setTimeout(step.ms / 1000);
    else if (step.does === 'timers') for (const ms of step.all) fh.setTimeout(ms === null ? null : ms / 1000);
    else if (step.does === 'no timer') fh.setTimeout(null);
    else fh[step.does]();
  }
}

async function play(script: TimeScript): Promise<void> {
  const server = new TimedServer(script);
  await server.open();
  const reference = new TimeReference(script);
  try {
    for (const step of script.steps) {
      if (!reference.take(step)) continue;
      server.take(step);
      expect({ step, told: reference.told.map((_, index) => server.told[index] ?? []) }).toEqual({ step, told: reference.told });
    }
  } finally {
    await server.close();
  }
}

it('the model of time: in memory', { timeout: TIMEOUT_MS }, () =>
  fc.assert(fc.asyncProperty(timeScript, play), { seed: SEED, numRuns: RUNS * FACTOR, interruptAfterTimeLimit: 30_000 * FACTOR }),
);

/** Some time that passes, and some that does not. */
const near = fc.constantFrom(0.05, 0.1, 0.2);
const limit = fc.oneof(near, fc.constantFrom(0, 3600));

/** What a client does when it has come, and the server with it; after that nobody does anything. */
const fates = ['mute', 'spoken', 'paused'] as const;

const situation = fc.record({
  limits: fc.record({ firstByteTimeout: limit, idleTimeout: limit, maxLifetime: limit }),
  fates: fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 6 }),
});

type Situation = typeof situation extends fc.Arbitrary<infer One> ? One : never;

/** The limits that may end a connection, and whether one must. Who speaks at once may still be late for its first byte. */
function endsOf(fate: (typeof fates)[number], limits: Situation['limits']): { readonly may: readonly string[]; readonly must: boolean } {
  const isNear = (seconds: number) => seconds > 0 && seconds < 1;
  const lifetime = isNear(limits.maxLifetime) ? ['NETMUX_LIFETIME'] : [];
  if (fate === 'paused') return { may: lifetime, must: lifetime.length > 0 };
  const idle = isNear(limits.idleTimeout) ? ['NETMUX_IDLE_TIMEOUT'] : [];
  const firstByte = isNear(limits.firstByteTimeout) ? ['NETMUX_FIRST_BYTE_TIMEOUT'] : [];
  const may = [...lifetime, ...idle, ...firstByte];
  return { may, must: (fate === 'mute' ? may : [...lifetime, ...idle]).length > 0 };
}

async function experience(engine: SocketEngine, { limits, fates }: Situation): Promise<void> {
  const ends: string[] = [];
  const indexOf = new Map<Handle, number>();
  const mux = new Mux({ engine, ...limits, warn: () => {} });
  mux.setCallbackObject({
    mux_connection: (_, fh) => {
      const index = indexOf.size;
      indexOf.set(fh, index);
      if (fates[index] === 'paused') fh.pause();
    },
    mux_error: (_, fh, { code }) => {
      ends[indexOf.get(fh)!] = code!;
    },
  });
  const { localPort } = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
  void mux.loop();
  const clients = [];
  try {
    for (const [index, fate] of fates.entries()) {
      const client = connect({ host: '127.0.0.1', port: localPort! }).on('error', () => {});
      clients.push(client);
      if (fate === 'spoken') client.write('a word');
      await eventually('a client has come', () => indexOf.size > index);
    }
    const expected = fates.map((fate) => endsOf(fate, limits));
    await eventually('the limits are reached', () => expected.every(({ must }, index) => !must || ends[index] !== undefined));
    for (const [index, { may }] of expected.entries()) if (ends[index] !== undefined) expect(may).toContain(ends[index]);
  } finally {
    for (const client of clients) client.destroy();
    await mux[Symbol.asyncDispose]();
  }
}

it.each([...engines])('the model of time: on the %s engine', { timeout: TIMEOUT_MS }, (engine) =>
  fc.assert(
    fc.asyncProperty(situation, (one) => experience(engine, one)),
    { seed: SEED, numRuns: 10 * FACTOR },
  ),
);
