/**
 * The attack programs in their short form: behaviour only, as nothing that a slow machine does is a failure there.
 * The long form is `npm run test:endurance -- --long`.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';
import { programs } from './programs.js';

const RUN = fileURLToPath(new URL('../../out/test/endurance/run.js', import.meta.url));

/** They take 2 to 15 seconds each, and end themselves when they take 100. */
const PATIENCE_MS = 150_000;

/** Of those that both engines have to stand, the ones that are quick: the others are played on the pure-Node engine by hand. */
const ON_NODE = ['churn', 'reset-storm', 'flooding-peer', 'throwing-callbacks', 'timers-at-once', 'gigabyte', 'half-close', 'threads'];

// The figures are read in /proc, and the limits stand in the native core.
const here = process.platform === 'linux' && (nativeFailure === undefined || nativeRequired);

/** @returns what it has printed, and its exit code */
async function attack(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, NODE_OPTIONS: '', ...environment };
  const child = spawn(process.execPath, [RUN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { output: stdout + stderr, code: (await exit)[0] as number | null };
}

/** One line: number, name, figures, verdict. Without a compiler the clock cannot be moved. */
const HELD = /^T\d\d \S+: .* — (held|not run)\n$/;

describe.skipIf(!here)('a server under attack', () => {
  for (const { name, shows } of programs) {
    it(`${name}: ${shows}`, { timeout: PATIENCE_MS }, async () => {
      expect((await attack([name])).output).toMatch(HELD);
    });
  }
});

describe.skipIf(process.platform !== 'linux')('a server on the pure-Node engine under attack', () => {
  for (const name of ON_NODE) {
    it(name, { timeout: PATIENCE_MS }, async () => {
      expect((await attack([name, '--engine=node'])).output).toMatch(HELD);
    });
  }
});

describe.skipIf(process.platform !== 'linux')('an attack that hangs', () => {
  it('is ended, with all that it has started, and is a failure', { timeout: PATIENCE_MS }, async () => {
    const mark = `ENDURANCE_${randomUUID()}`;
    const { output, code } = await attack(['timers-at-once', 'soak', '--long', '--engine=node', '--patience=2'], { [mark]: '1' });
    expect(output).toMatch(
      /^T21 timers-at-once: NOT: it ends within 2 s — FAILED\nT03 soak: NOT: it ends within 2 s — FAILED\n0 held, 2 failed \(.*\), 0 not run, in \d+ s\n$/,
    );
    expect(code).toBe(1);
    const left = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(mark));
    expect(left).toEqual([]);
  });
});

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return ''; // gone meanwhile, or somebody else's
  }
}
