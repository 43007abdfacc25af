// `npm ci` in a clone runs scripts/prepare.mjs: what it does with a compiler, without one, and with an error in our sources.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TIMEOUT_MS = 120_000;

const ADDON = 'build/Release/netmux.node';
const EMPTY_ADDON =
  '#include <napi.h>\nstatic Napi::Object Init(Napi::Env, Napi::Object exports) { return exports; }\nNODE_API_MODULE(netmux, Init)\n';

describe('prepare', () => {
  let clone: string;
  let emptyPath: string;

  /** The project as it is, but with a C++ side that compiles in a second. */
  beforeAll(() => {
    clone = mkdtempSync(join(tmpdir(), 'netmux-prepare-'));
    for (const name of [
      'package.json',
      'binding.gyp',
      'tsconfig.json',
      'tsconfig.out.json',
      'scripts',
      'src',
      'examples',
      'bench',
      'native',
    ]) {
      cpSync(join(root, name), join(clone, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
    for (const file of readdirSync(join(clone, 'native'))) writeFileSync(join(clone, 'native', file), '');
    writeFileSync(join(clone, 'native/addon.cc'), EMPTY_ADDON);
    emptyPath = join(clone, 'empty-path');
    mkdirSync(emptyPath);
    symlinkSync('/bin/sh', join(emptyPath, 'sh'));
  });

  afterAll(() => rmSync(clone, { recursive: true, force: true }));

  const prepare = (environment: NodeJS.ProcessEnv = {}) =>
    new Promise<{ status: number | null; output: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [join(clone, 'scripts/prepare.mjs')],
        { cwd: clone, env: { ...process.env, ...environment }, timeout: TIMEOUT_MS },
        (_error, stdout, stderr) => resolve({ status: child.exitCode, output: stdout + stderr }),
      );
    });

  it('says in one line that there is no compiler, and compiles TypeScript all the same', { timeout: TIMEOUT_MS }, async () => {
    const { status, output } = await prepare({ PATH: emptyPath, CXX: '' });
    expect(output).toMatch(/^netmux: addon not built[^\n]*no working C\+\+17 compiler[^\n]*\n$/);
    expect(status).toBe(0);
    expect(existsSync(join(clone, ADDON))).toBe(false);
    expect(existsSync(join(clone, 'dist/index.js'))).toBe(true);
    expect(existsSync(join(clone, 'out/examples/run.js'))).toBe(true);
  });

  describe.runIf(nativeRequired || nativeFailure === undefined)('with a compiler', () => {
    it('builds the addon in silence, and once', { timeout: TIMEOUT_MS }, async () => {
      expect(await prepare()).toEqual({ status: 0, output: '' });
      const built = statSync(join(clone, ADDON)).mtimeMs;
      expect(await prepare()).toEqual({ status: 0, output: '' });
      expect(statSync(join(clone, ADDON)).mtimeMs).toBe(built);
    });

    it('fails with the compiler’s own message when our C++ is wrong', { timeout: TIMEOUT_MS }, async () => {
      writeFileSync(join(clone, 'native/addon.cc'), '#error this is not to be hidden\n');
      const { status, output } = await prepare();
      expect(status).toBe(1);
      expect(output).toMatch(/addon\.cc:1:2: error: .*this is not to be hidden/);
      expect(output).toMatch(/netmux: building the addon failed\n$/);
      writeFileSync(join(clone, 'native/addon.cc'), EMPTY_ADDON);
    });
  });

  it('fails with the compiler’s own message when our TypeScript is wrong', { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(join(clone, 'src/wrong.ts'), "export const wrong: number = 'text';\n");
    const { status, output } = await prepare({ PATH: emptyPath, CXX: '' });
    expect(status).toBe(1);
    expect(output).toContain("src/wrong.ts(1,14): error TS2322: Type 'string' is not assignable to type 'number'.");
    rmSync(join(clone, 'src/wrong.ts'));
  });

  it('takes what has no source any more out of the package', { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(join(clone, 'src/renamed.ts'), 'export const renamed = 1;\n');
    await prepare({ PATH: emptyPath, CXX: '' });
    expect(existsSync(join(clone, 'out/src/renamed.js'))).toBe(true);
    rmSync(join(clone, 'src/renamed.ts'));
    writeFileSync(join(clone, 'dist/renamed.js'), '');
    expect((await prepare({ PATH: emptyPath, CXX: '' })).status).toBe(0);
    for (const folder of ['out/src', 'dist']) {
      expect(readdirSync(join(clone, folder)).filter((file) => file.startsWith('renamed'))).toEqual([]);
    }
  });

  it('builds nothing, and breaks nothing, where the development dependencies are missing', async () => {
    rmSync(join(clone, 'node_modules'));
    expect(await prepare()).toEqual({ status: 0, output: 'netmux: nothing was built: the development dependencies are not installed\n' });
  });
});
