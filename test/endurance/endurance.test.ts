/**
 * The attack programs in their short form: behaviour only, as nothing that a slow machine does is a failure there.
 * The long form is `npm run test:endurance -- --long`.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';
import { programs } from './programs.js';

const RUN = fileURLToPath(new URL('../../out/test/endurance/run.js', import.meta.url));

/** They take 2 to 15 seconds each. */
const PATIENCE_MS = 150_000;

// The figures are read in /proc, and the limits stand in the native core.
const here = process.platform === 'linux' && (nativeFailure === undefined || nativeRequired);

describe.skipIf(!here)('a server under attack', () => {
  for (const { name, shows } of programs) {
    it(`${name}: ${shows}`, { timeout: PATIENCE_MS }, async () => {
      const child = spawn(process.execPath, [RUN, name], { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      // One line: number, name, figures, verdict. Without a compiler the clock cannot be moved.
      expect(stdout + stderr).toMatch(/^T\d\d \S+: .* — (held|not run)\n$/);
    });
  }
});
