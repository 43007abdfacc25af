// What `npm pack` makes, installed as a stranger would: without a compiler, without scripts, without a network.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;

/** Compiles the addon from nothing, with one more job running beside it. */
const PREBUILD_TIMEOUT_MS = 300_000;
const PACK_TIMEOUT_MS = 120_000;

/** The whole of a published package; nothing of the tests, the bench or the C++ sources. */
const ALLOWED = [
  /^package\.json$/,
  /^(README|CHANGELOG)\.md$/,
  /^docs\/(?!.*sketch)[\w-]+\.md$/,
  /^LICENSE$/,
  /^dist\/[\w/-]+\.(js|js\.map|d\.ts)$/,
  /^prebuilds\/\w+-\w+\/netmux(\.glibc|\.musl)?\.node$/,
];

/** What must be in place, and still work, after packing as before. */
const BUILT = ['build/Release/netmux.node', 'dist/index.js', 'out/examples/run.js'];

interface Packed {
  filename: string;
  files: { path: string }[];
}

let folder: string;
const npm = (args: string[], cwd: string) => run('npm', args, { cwd, timeout: PREBUILD_TIMEOUT_MS });

/** Packs the project and installs the tarball into an empty folder. */
async function packAndInstall(name: string): Promise<{ files: string[]; home: string }> {
  const home = join(folder, name);
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  // npm prints the output of prepack and prepare before its own JSON.
  const { stdout } = await npm(['pack', '--json', '--pack-destination', home], root);
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[$/m))) as [Packed];
  await npm(['install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', join(home, packed.filename)], home);
  return { files: packed.files.map((file) => file.path), home };
}

/** The engine that a `Mux` gets in that folder, and the binaries that were loaded for it. */
async function engineIn(home: string): Promise<{ engine: string; binaries: string[] }> {
  const script = `
    import { Mux } from 'netmux';
    const { engine } = new Mux();
    console.log(JSON.stringify({ engine, binaries: process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node')) }));`;
  const environment = { ...process.env };
  delete environment.NETMUX_ENGINE;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: home,
    env: environment,
    timeout: 15_000,
  });
  return JSON.parse(stdout);
}

describe.runIf(nativeRequired || nativeFailure === undefined)('the packed package', () => {
  const prebuilds = join(root, 'prebuilds', platform);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'netmux-pack-'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs on the native engine after a mere build, and holds nothing but what belongs in it', { timeout: PACK_TIMEOUT_MS }, async () => {
    rmSync(prebuilds, { recursive: true, force: true });
    const { files, home } = await packAndInstall('built');
    expect(files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'CHANGELOG.md', 'docs/api.md', 'dist/index.js', 'dist/index.d.ts']),
    );
    const { engine, binaries } = await engineIn(home);
    expect(engine).toBe('native');
    expect(binaries).toHaveLength(1);
    expect(binaries[0]).toContain(join(home, 'node_modules/netmux/prebuilds', platform));
  });

  it('runs on the native engine after `npm run prebuild`, which leaves the build alone', { timeout: PREBUILD_TIMEOUT_MS }, async () => {
    const times = () => BUILT.map((file) => statSync(join(root, file)).mtimeMs);
    const before = times();
    rmSync(prebuilds, { recursive: true, force: true });
    await npm(['run', 'prebuild'], root);
    const { engine } = await engineIn((await packAndInstall('prebuilt')).home);
    expect(engine).toBe('native');
    expect(times()).toEqual(before);
    expect(existsSync(join(root, '.cache/prebuild'))).toBe(false);
  });

  it('needs nothing else at run time, and runs nothing when it is installed', () => {
    const description = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const key of ['dependencies', 'peerDependencies', 'optionalDependencies']) expect(description).not.toHaveProperty(key);
    for (const script of ['preinstall', 'install', 'postinstall']) expect(description.scripts).not.toHaveProperty(script);
    // Without this npm compiles whatever has a binding.gyp.
    expect(description.gypfile).toBe(false);
  });
});
