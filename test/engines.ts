/**
 * Which engines the tests run on. A behaviour that both engines promise is written once:
 *
 *     describeEngines('half-close', (engine) => {
 *       it('...', async () => { const mux = new Mux({ engine }); ... });
 *     });
 */
import { afterEach, beforeEach, describe } from 'vitest';
import { loadAddon } from '../src/native/load.js';
import { memoryNetwork, openMemoryNetwork } from './memory-sockets.js';

/** An engine over sockets of the system. */
export type SocketEngine = 'native' | 'node';

/** 'memory' is the one of `netmux/testing`. */
export type TestedEngine = SocketEngine | 'memory';

/** Set by `npm test` where the addon can be built: its absence is then a failure, never a skipped test. */
export const nativeRequired = process.env.NETMUX_REQUIRE_NATIVE === '1';

/** Why the addon does not load here; `undefined` when it does. */
export const nativeFailure: unknown = (() => {
  try {
    loadAddon();
    return undefined;
  } catch (error) {
    return error;
  }
})();

/** All engines that are tested on this machine. A required one is in the list although it is missing, so that its tests fail. */
export const engines: readonly SocketEngine[] = nativeFailure === undefined || nativeRequired ? ['native', 'node'] : ['node'];

/**
 * Set where the addon is that of `build-cmake.mjs --faults`: calls say "later" there although there is something, and readiness is late, so
 * that what comes in one batch elsewhere may come in several.
 */
export const kernelIsDifficult = process.env.NETMUX_FAULT_SEED !== undefined;

let current: TestedEngine | undefined;

/** The engine of the test that runs now, where it is one of `describeEngines`. */
export function currentEngine(): TestedEngine | undefined {
  return current;
}

/** For the option `engine`. */
export function engineOption(engine: TestedEngine) {
  return engine === 'memory' ? memoryNetwork().engine : engine;
}

/** `describe` for each engine, its name in the title; on a machine without the addon the native block is shown as skipped. */
export function describeEngines(name: string, body: (engine: SocketEngine) => void): void {
  describeEach(engines, name, body);
}

/**
 * `describeEngines`, and the engine in memory, too: for what needs neither a kernel nor a descriptor. So the engine that users test
 * with is shown to be the same machine.
 */
export function describeAllEngines(name: string, body: (engine: TestedEngine) => void): void {
  describeEach<TestedEngine>([...engines, 'memory'], name, body);
}

function describeEach<Engine extends TestedEngine>(tested: readonly Engine[], name: string, body: (engine: Engine) => void): void {
  describe.each([...tested])(`${name} (%s engine)`, (engine: Engine) => {
    beforeEach(() => {
      current = engine;
      if (engine === 'memory') openMemoryNetwork();
    });
    afterEach(() => {
      current = undefined;
    });
    body(engine);
  });
  if (!engines.includes('native')) {
    describe.skip(`${name} (native engine) — skipped: no native addon here`, () => body('native' as Engine));
  }
}
