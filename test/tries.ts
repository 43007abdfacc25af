/**
 * How often a property is tried. `scripts/fuzz.mjs` sets NETMUX_TRIES_SECONDS: then it is tried for so long, with a seed that is new in
 * each run, and how many tries that were is told in the file that NETMUX_TRIES_FILE names.
 */
import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll } from 'vitest';

/** Shorter than a test may take, so that a failure is reported, shrunk as far as it got. */
const PATIENCE_MS = 10_000;

const seconds = process.env.NETMUX_TRIES_SECONDS === undefined ? undefined : Number(process.env.NETMUX_TRIES_SECONDS);

if (seconds !== undefined) {
  let count = 0;
  fc.configureGlobal({
    afterEach: () => {
      count += 1;
    },
  });
  afterAll(() => appendFileSync(process.env.NETMUX_TRIES_FILE ?? '/dev/null', `${count}\n`));
}

type Tries = Pick<fc.Parameters, 'numRuns' | 'interruptAfterTimeLimit' | 'markInterruptAsFailure'>;

/** @param usual as often in an ordinary run of the tests */
export function tries(usual: number): Tries {
  if (seconds === undefined) return { numRuns: usual, interruptAfterTimeLimit: PATIENCE_MS };
  return { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };
}
