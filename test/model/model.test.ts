/**
 * Servers under scripts of any kind, over TCP and UNIX sockets, against a reference that fits on a few pages: connections come, are made and taken over, send,
 * read or do not, finish and are reset; the server writes more than fits, pauses, shuts down, closes, sets timers, throws and rejects,
 * from outside and inside of every callback. The reference says for each connection which callbacks come in which order, with how many
 * bytes, and what its client gets; all engines must say the same.
 *
 * NETMUX_MODEL_RUNS multiplies the number of scripts; NETMUX_MODEL_SEED plays those of a run that has failed, or of one that is kept.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { engines } from '../engines.js';
import { KEPT } from './kept.js';
import { MemorySystem } from './memory-system.js';
import { play } from './play.js';
import { type Script, script } from './script.js';
import { SocketSystem } from './socket-system.js';
import { Surroundings } from './surroundings.js';
import type { System } from './system.js';

const FACTOR = Number(process.env.NETMUX_MODEL_RUNS ?? 1);

/** The same scripts for all engines. What fails names it. */
const SEED = Number(process.env.NETMUX_MODEL_SEED ?? Date.now() % 2 ** 31);

const TIMEOUT_MS = 120_000 * FACTOR;

let tcp: Surroundings;
let local: Surroundings;

beforeAll(async () => {
  tcp = await Surroundings.open(false);
  local = await Surroundings.open(true);
});

afterAll(() => Promise.all([tcp.close(), local.close()]));

async function playOn(open: (script: Script) => Promise<System>, one: Script): Promise<void> {
  const system = await open(one);
  try {
    await play(one, system);
  } finally {
    await system.end();
  }
}

function check(open: (script: Script) => Promise<System>, numRuns: number) {
  const property = fc.asyncProperty(script, (one) => playOn(open, one));
  return fc.assert(property, {
    seed: SEED,
    numRuns: numRuns * FACTOR,
    examples: KEPT.map((one) => [one]),
    interruptAfterTimeLimit: 60_000 * FACTOR,
    markInterruptAsFailure: false,
  });
}

describe('the model', () => {
  it('in memory', { timeout: TIMEOUT_MS }, () => check((one) => MemorySystem.open(one), 200));

  it.each([...engines])('on the %s engine', { timeout: TIMEOUT_MS }, (engine) =>
    check((one) => SocketSystem.open(engine, one, one.isLocal ? local : tcp), 50),
  );
});
