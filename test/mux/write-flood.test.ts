/** The writes of one callback, counted where they leave the process: by strace. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engines } from '../engines.js';
import { ChildProgram, programEnvironment, programPath } from './child-program.js';
import { Peer } from './peer.js';
import { temporaryDirectory } from './scene.js';

const WRITES = 10_000;
const MOST_CALLS = 4;
const SENDING = ['sendto', 'sendmsg', 'writev'];

/** Why strace cannot be used here: it is not installed, or the machine does not let it trace. */
const untraceable =
  !engines.includes('native') || spawnSync('strace', ['-D', '-f', '-qq', '-o', '/dev/null', 'true'], { timeout: 20_000 }).status !== 0;

describe.skipIf(untraceable)('the writes of one callback (native engine)', () => {
  it('10,000 of 16 bytes leave in at most four calls, in their order (T17)', { timeout: 60_000 }, async () => {
    const trace = join(temporaryDirectory(), 'trace');
    const program = new ChildProgram(
      spawn('strace', ['-D', '-f', '-qq', '-o', trace, '-e', `trace=${SENDING.join()}`, process.execPath, programPath('write-flood')], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: programEnvironment('native'),
      }),
    );
    const peer = await Peer.connect(Number(await program.line('listening')));
    await peer.send('go');
    const lines = Array.from({ length: WRITES }, (_, n) => `${String(n).padStart(15, '.')}\n`);
    expect((await peer.receive(16 * WRITES)).toString()).toBe(lines.join(''));
    program.process.kill('SIGTERM');
    await program.ending();
    const calls = readFileSync(trace, 'utf8').match(new RegExp(`\\b(${SENDING.join('|')})\\(`, 'g')) ?? [];
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.length).toBeLessThanOrEqual(MOST_CALLS);
  });
});
