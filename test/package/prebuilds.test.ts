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

/** As little of a binary for arm64 Macs as the check looks at. */
function machO(has: { oldest: number; library: string; exported: string[]; wanted: string[] }): Buffer {
  const words = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
  const symbols = [
    ...has.exported.map((name) => ({ name, type: 0x0f, place: 0 })),
    ...has.wanted.map((name) => ({ name, type: 0x01, place: 0xfe00 })),
  ];
  const library = Buffer.concat([Buffer.from(has.library), Buffer.alloc(8 - (has.library.length % 8))]);
  const commands = [words(0x32, 24, 1, has.oldest << 16, 0, 0), Buffer.concat([words(0xc, 24 + library.length, 24, 0, 0, 0), library])];
  const first = 32 + Buffer.concat(commands).length + 24;
  const names = first + symbols.length * 16;
  commands.push(words(0x2, 24, first, symbols.length, names, 0));
  const table = symbols.map(({ type, place }, index) => {
    const before = symbols.slice(0, index).reduce((sum, { name }) => sum + name.length + 1, 0);
    return words(before, type | (place << 16), 0, 0);
  });
  const header = words(0xfeedfacf, 0x0100000c, 0, 6, commands.length, first - 32, 0, 0);
  return Buffer.concat([header, ...commands, ...table, Buffer.from(symbols.map(({ name }) => `${name}\0`).join(''))]);
}

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

  it('refuses one for macOS that asks for more than is there', async () => {
    const file = 'prebuilds/darwin-arm64/netmux.node';
    place(file);
    const wanted = ['__Znwm', '_napi_create_array', '__ZNSt3__18to_charsEPcS0_d'];
    writeFileSync(
      join(folder, file),
      machO({ oldest: 13, library: '/opt/lib/libssl.dylib', exported: ['_napi_register_module_v1'], wanted }),
    );
    const { problems } = await check('--all');
    expect(problems.filter((problem) => problem.startsWith(file))).toEqual(
      [
        'asks for macOS 13; the floor is 11',
        'needs /opt/lib/libssl.dylib',
        'expects __ZNSt3__18to_charsEPcS0_d in the process',
        'does not export _node_api_module_get_api_version_v1',
        'is not signed',
      ].map((problem) => `${file}: ${problem}`),
    );
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

    it("refuses this machine's own for a release", async () => {
      place(`prebuilds/linux-${process.arch}/netmux.glibc.node`, addon);
      const { problems } = await check('--all');
      expect(problems.join('\n')).toMatch(/netmux\.glibc\.node: needs libstdc\+\+\.so\.6: made by this machine's compiler/);
    });

    it('finds the build hardened: if it has a fault, then the age of the C library alone', async () => {
      place(`prebuilds/linux-${process.arch}/netmux.glibc.node`, addon);
      const { problems } = await check();
      expect(problems.filter((problem) => problem !== '' && !/: asks for (GLIBC|GLIBCXX|CXXABI)_/.test(problem))).toEqual([]);
    });
  });
});
