/** NETMUX_DEBUG=1: input that is used too late is found, where otherwise it shows whatever is there by then. */
import { expect, it } from 'vitest';
import { describeEngines, type TestedEngine } from '../engines.js';
import { start } from './child-program.js';

async function kept(engine: TestedEngine, mode: string): Promise<unknown> {
  const { code, stdout, stderr } = await start(engine, 'debug-mode', [], { env: { NETMUX_DEBUG: mode } }).ending();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describeEngines('input that a callback has kept', (engine) => {
  it('is one object for all callbacks, and shows the next one what is its own', async () => {
    expect(await kept(engine, '')).toMatchObject({ sameObject: true, input: 'two' });
  });

  it('is an object for each callback with NETMUX_DEBUG=1, expired in the next one, and its views are empty', async () => {
    expect(await kept(engine, '1')).toEqual({ sameObject: false, input: 'NETMUX_INPUT_EXPIRED', view: '', alias: 0 });
  });
});
