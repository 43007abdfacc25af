/** Peers that vanish without a word: nothing arrives there any more, and nobody is told. */
import { spawn, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { engines } from '../engines.js';
import { ChildProgram, programEnvironment, programPath } from './child-program.js';

const KEEP_ALIVE = { delay: 1, interval: 1, count: 2 };
const USER_TIMEOUT = 2;
const PAIRS = 10;

/** What a busy machine may add. */
const LATE_SECONDS = 20;

/** Why not here: no network of our own can be made, which takes Linux, `unshare`, `ip` and the permission. */
const alone = !engines.includes('native') || spawnSync('unshare', ['-rn', 'unshare', '-n', 'ip', 'link'], { timeout: 20_000 }).status !== 0;

interface End {
  readonly kind: 'idle' | 'writing';
  readonly code?: string;
  readonly seconds: number;
}

describe.skipIf(alone)('peers that vanish without a word (native engine)', () => {
  it('are given up when keep-alive or userTimeout says so, not before, and the handles are free (T26)', { timeout: 60_000 }, async () => {
    const args = [KEEP_ALIVE.delay, KEEP_ALIVE.interval, KEEP_ALIVE.count, USER_TIMEOUT].map(String);
    const program = new ChildProgram(
      spawn('unshare', ['-rn', process.execPath, programPath('half-open'), ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: programEnvironment('native'),
      }),
    );
    const { code, stdout, stderr } = await program.ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const ends = JSON.parse(stdout) as End[];
    const limits = { idle: KEEP_ALIVE.delay + KEEP_ALIVE.interval * KEEP_ALIVE.count, writing: USER_TIMEOUT };
    for (const [kind, limit] of Object.entries(limits)) {
      const own = ends.filter((end) => end.kind === kind);
      expect(own.map((end) => end.code)).toEqual(Array(PAIRS).fill('ETIMEDOUT'));
      for (const { seconds } of own) {
        expect(seconds).toBeGreaterThan(limit * 0.9);
        expect(seconds).toBeLessThan(limit + LATE_SECONDS);
      }
    }
  });
});
