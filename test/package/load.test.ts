// Where the loader looks for the addon, and what it says when there is none. It runs as compiled (out/src/, where the loader is a module of its own),
// in processes of their own, since what is loaded once into a process stays.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const addon = join(root, 'build/Release/netmux.node');
const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
const libc = header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
const ownPrebuild = `prebuilds/${process.platform}-${process.arch}/netmux${process.platform === 'linux' ? `.${libc}` : ''}.node`;

/** Loads the addon as a package in `folder` does; the outcome of the attempt. */
async function load(folder: string, environment: NodeJS.ProcessEnv = {}): Promise<{ code?: string; message?: string; loaded: string[] }> {
  const script = `
    const outcome = await import(${JSON.stringify(pathToFileURL(join(folder, 'dist/native/load.js')).href)})
      .then(({ loadAddon }) => { loadAddon(); return {}; })
      .catch(({ code, message }) => ({ code, message }));
    const loaded = process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'));
    console.log(JSON.stringify({ ...outcome, loaded }));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, NETMUX_ADDON: undefined, ...environment },
    timeout: 15_000,
  });
  return JSON.parse(stdout);
}

describe('the addon', () => {
  it.runIf(nativeRequired || nativeFailure === undefined)('loads on this machine', () => {
    expect(nativeFailure).toBeUndefined();
  });
});

describe('the loader', () => {
  let folder: string;

  const place = (file: string, from?: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    if (from === undefined) writeFileSync(join(folder, file), 'this is no binary\n');
    else cpSync(from, join(folder, file));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netmux-load-'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'netmux', type: 'module' }));
    cpSync(join(root, 'out/src'), join(folder, 'dist'), { recursive: true });
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('names every file that it tried and why each did not load', async () => {
    place('build/Debug/netmux.node');
    const { code, message } = await load(folder);
    expect(code).toBe('NETMUX_NO_NATIVE');
    expect(message).toContain(`${process.platform}-${process.arch}`);
    expect(message).toMatch(/build\/Release\/netmux\.node: no such file/);
    expect(message).toMatch(/build\/Debug\/netmux\.node: .*(invalid ELF header|file too short|slice is not valid mach-o|not a mach-o)/);
    expect(message).toMatch(/prebuilds\/[a-z0-9]+-[a-z0-9]+\/netmux(\.glibc|\.musl)?\.node: no such file/);
  });

  it('looks for the package above its own file, past folders with another package.json', async () => {
    writeFileSync(join(folder, 'dist/package.json'), JSON.stringify({ type: 'module' }));
    expect((await load(folder)).message).toContain(`tried in ${folder}`);
  });

  it('says so when it does not lie in the package at all', async () => {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'bundle-of-somebody', type: 'module' }));
    expect(await load(folder)).toMatchObject({ code: 'NETMUX_NO_NATIVE', message: expect.stringContaining('no package.json of netmux') });
  });

  describe.runIf(nativeRequired || nativeFailure === undefined)('with a binary', () => {
    it('takes the one shipped for this platform', async () => {
      place(ownPrebuild, addon);
      expect(await load(folder)).toEqual({ loaded: [join(folder, ownPrebuild)] });
    });

    it('prefers the one built here', async () => {
      place(ownPrebuild, addon);
      place('build/Release/netmux.node', addon);
      expect(await load(folder)).toEqual({ loaded: [join(folder, 'build/Release/netmux.node')] });
    });

    it('takes the one that NETMUX_ADDON names, and no other, but in a checkout only', async () => {
      place('build/Release/netmux.node', addon);
      place('build-asan/netmux.node', addon);
      const installed = await load(folder, { NETMUX_ADDON: 'build-asan/netmux.node' });
      expect(installed).toEqual({ loaded: [join(folder, 'build/Release/netmux.node')] });

      writeFileSync(join(folder, 'binding.gyp'), '');
      const checkout = await load(folder, { NETMUX_ADDON: 'build-asan/netmux.node' });
      expect(checkout).toEqual({ loaded: [join(folder, 'build-asan/netmux.node')] });
      const missing = await load(folder, { NETMUX_ADDON: 'build-tsan/netmux.node' });
      expect(missing).toMatchObject({ code: 'NETMUX_NO_NATIVE', loaded: [] });
    });

    it('goes on to the next when one does not load', async () => {
      place('build/Release/netmux.node');
      place('build/Debug/netmux.node', addon);
      expect(await load(folder)).toEqual({ loaded: [join(folder, 'build/Debug/netmux.node')] });
    });
  });
});
