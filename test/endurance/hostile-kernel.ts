/** The core by itself on the hostile kernel of test/native/fault_kernel.h. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findOnPath, ROOT } from '../../bench/toolchain.js';
import type { Program } from './program.js';

/** The 32 bits that the C++ tests take as a seed, of the time: nobody has played it before. */
const newSeed = (): number => Date.now() % 2 ** 32;

const amount = (count: number): string => count.toLocaleString('en-US');

/** A program that plays the C++ test of the hostile kernel so many times. */
export function hostileKernel(
  plan: Pick<Program, 'name' | 'number' | 'shows'> & {
    readonly counted: 'seeds' | 'rounds';
    readonly short: number;
    readonly long: number;
    figure(count: string): string;
  },
): Program {
  const { name, number, shows, counted } = plan;
  return {
    name,
    number,
    shows,
    nativeOnly: 'the kernel stands under the native core',
    environment: () => (findOnPath(process.env.CXX ?? 'c++') === undefined ? 'no C++ compiler for the core' : {}),
    async attack(trial) {
      const count = trial.long ? plan.long : plan.short;
      trial.seed = newSeed();
      const numbers = { seeds: 1, rounds: 1000, [counted]: count };
      const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'scripts/test-native.mjs'), 'fault_kernel_test'], {
        encoding: 'utf8',
        env: {
          ...process.env,
          NETMUX_TEST_SEED: String(trial.seed),
          NETMUX_FAULT_SEEDS: String(numbers.seeds),
          NETMUX_FAULT_ROUNDS: String(numbers.rounds),
        },
      });
      trial.figure(plan.figure(amount(count)));
      trial.require(
        `the C++ tests pass: ${stdout.trim().replaceAll('\n', '; ')}`,
        status === 0 && /^C\+\+: \d+ passed, 0 failed$/m.test(stdout),
      );
    },
  };
}
