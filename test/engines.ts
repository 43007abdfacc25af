/**
 * Which engines the tests run on. A behaviour that both engines promise is written once:
 *
 *     describeEngines('half-close', (engine) => {
 *       it('...', async () => { const mux = new Mux({ engine }); ... });
 *     });
 */
import { describe } from 'vitest';
import { loadAddon } from '../src/native/load.js';

export type TestedEngine = 'native' | 'node';

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
export const engines: readonly TestedEngine[] = nativeFailure === undefined || nativeRequired ? ['native', 'node'] : ['node'];

/** `describe` for each engine, its name in the title; on a machine without the addon the native block is shown as skipped. */
export function describeEngines(name: string, body: (engine: TestedEngine) => void): void {
  describe.each([...engines])(`${name} (%s engine)`, body);
  if (!engines.includes('native')) {
    describe.skip(`${name} (native engine) — skipped: no native addon here`, () => body('native'));
  }
}
