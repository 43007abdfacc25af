// scripts/check-prebuilds.mjs: what keeps a binary that would not load, or an incomplete set of them, from being published.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILES = [
  'prebuilds/linux-x64/netmux.glibc.node',
  'prebuilds/linux-arm64/netmux.glibc.node',
  'prebuilds/linux-x64/netmux.musl.node',
  'prebuilds/linux-arm64/netmux.musl.node',
  'prebuilds/darwin-x64/netmux.node',
  'prebuilds/darwin-arm64/netmux.node',
];

describe('the check of the binaries', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netmux-prebuilds-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const place = (file: string, from?: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    if (from === undefined) writeFileSync(join(folder, file), Buffer.alloc(4096));
    else cpSync(from, join(folder, file));
  };

  const check = (...args: string[]) =>
    new Promise<{ status: number | null; problems: string[] }>((resolve) => {
      const child = execFile(
        process.execPath,
        [join(root, 'scripts/check-prebuilds.mjs'), `--in=${folder}`, ...args],
        (_error, _stdout, stderr) => resolve({ status: child.exitCode, problems: stderr.trimEnd().split('\n') }),
      );
    });

  it('wants at least one, and for a release each', async () => {
    expect(await check()).toEqual({ status: 1, problems: ['no binary in prebuilds/'] });
    const { status, problems } = await check('--all');
    expect(status).toBe(1);
    expect(problems).toEqual([...FILES.map((file) => `${file}: missing`), 'no binary in prebuilds/']);
  });

  it('refuses what is no binary', async () => {
    place('prebuilds/darwin-arm64/netmux.node');
    place('prebuilds/linux-x64/netmux.musl.node');
    const { status, problems } = await check();
    expect(status).toBe(1);
    expect(problems).toContain('prebuilds/darwin-arm64/netmux.node: is no Mach-O file');
    expect(problems.some((problem) => problem.startsWith('prebuilds/linux-x64/netmux.musl.node: '))).toBe(true);
  });

  describe.runIf(process.platform === 'linux' && (nativeRequired || nativeFailure === undefined))('with a binary', () => {
    const addon = join(root, 'build/Release/netmux.node');

    it('refuses one for another processor, and for another C library', async () => {
      const other = process.arch === 'arm64' ? 'x64' : 'arm64';
      place(`prebuilds/linux-${other}/netmux.glibc.node`, addon);
      place(`prebuilds/linux-${process.arch}/netmux.musl.node`, addon);
      const { problems } = await check();
      expect(problems.join('\n')).toMatch(new RegExp(`linux-${other}/netmux\\.glibc\\.node: is for \\S`));
      expect(problems.join('\n')).toMatch(/netmux\.musl\.node: asks for GLIBC_\d[\d.]*, which musl does not have/);
    });

    it('finds the build hardened: if it has a fault, then the age of the C library alone', async () => {
      place(`prebuilds/linux-${process.arch}/netmux.glibc.node`, addon);
      const { problems } = await check();
      expect(problems.filter((problem) => problem !== '' && !/: asks for (GLIBC|GLIBCXX|CXXABI)_/.test(problem))).toEqual([]);
    });
  });
});
