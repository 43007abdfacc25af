// The programs that one starts by hand in a checkout: a word that they do not know costs a line, not a stack.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, read, root } from './sources.js';

const scripts = filesIn('scripts', '.mjs').filter((file) => read(file).includes('parseCommandLine(import.meta.url'));

function play(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, program), ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe.each([...scripts, 'out/test/endurance/run.js', 'out/bench/run.js'])('%s', (program) => {
  it('says with --help how it is called, and does nothing else', () => {
    const { status, stdout, stderr } = play(program, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/npm run|node scripts/);
  });

  it('refuses an option that it does not know, and names it', () => {
    const { status, stdout, stderr } = play(program, '--bogus');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Unknown option '--bogus'/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

it('no script reads its command line by itself', () => {
  const others = filesIn('scripts', '.mjs').filter((file) => /\bparseArgs\(/.test(read(file)));
  expect(others).toEqual(['scripts/command-line.mjs']);
});
