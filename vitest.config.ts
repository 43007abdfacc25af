import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const PACKAGE_TESTS = 'test/package/**/*.test.ts';
const SCENARIO_TESTS = 'test/scenarios/**/*.test.ts';

export default defineConfig({
  resolve: {
    // Tests run on the sources: a stale dist/ must not make a test pass.
    alias: [
      { find: /^netmux$/, replacement: fileURLToPath(new URL('./src/index.ts', import.meta.url)) },
      { find: /^netmux\/(framing|testing)$/, replacement: fileURLToPath(new URL('./src/$1/index.ts', import.meta.url)) },
    ],
  },
  test: {
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // CI's machines are shared and stall now and then; what fails twice in a row fails.
    retry: process.env.CI === undefined ? 0 : 1,
    // An addon that crashes takes its process with it; threads would take the whole run along.
    pool: 'forks',
    // The tests start servers, clients and examples of their own: more workers than this make timings, not tests, fail.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'behaviour', include: ['test/**/*.test.ts'], exclude: [PACKAGE_TESTS, SCENARIO_TESTS], sequence: { groupOrder: 0 } },
      },
      // They trickle megabytes through tiny windows, which takes thousands of turns of the scheduler.
      { extends: true, test: { name: 'scenarios', include: [SCENARIO_TESTS], testTimeout: 100_000, sequence: { groupOrder: 1 } } },
      // They compile and install, and would take the processor from tests that wait for sockets and timers: so they come last.
      { extends: true, test: { name: 'package', include: [PACKAGE_TESTS], sequence: { groupOrder: 2 } } },
    ],
  },
});
