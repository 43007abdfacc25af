// What `npm pack` makes, installed as a stranger would: without a compiler, without a network.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeFailure, nativeRequired } from '../engines.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const libc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime ? 'glibc' : 'musl';
const ownBinary = `prebuilds/${platform}/netmux${process.platform === 'linux' ? `.${libc}` : ''}.node`;

/** Compiles the addon from nothing, with one more job running beside it. */
const PREBUILD_TIMEOUT_MS = 300_000;
const PACK_TIMEOUT_MS = 120_000;
const RUN_TIMEOUT_MS = 60_000;

/** Packed, with the binaries of all platforms, which have this many bytes on average; this platform's may be larger when built here. */
const MAX_PACKED_BYTES = 500_000;
const PACKED_BINARY_BYTES = 42_000;

/** The whole of a published package; nothing of the tests, the bench or the C++ sources. */
const ALLOWED = [
  /^package\.json$/,
  /^(README|CHANGELOG|SECURITY)\.md$/,
  /^docs\/(?!architecture|rules)[\w/-]+\.(md|svg)$/,
  /^LICENSE$/,
  /^dist\/[\w-]+(\/[\w-]+)?\.(js|cjs|d\.ts|d\.cts)$/,
  /^dist\/lib\/[\w/-]+\.cjs$/,
  /^dist\/types\/package\.json$/,
  /^dist\/types\/[\w/-]+\.d\.ts$/,
  /^prebuilds\/\w+-\w+\/netmux(\.glibc|\.musl)?\.node$/,
];

/** What must be in place, and still work, after packing as before. */
const BUILT = ['build/Release/netmux.node', 'dist/index.js', 'out/examples/run.js'];

interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

let folder: string;

/** npm as it is after its installation: what the user of this machine has configured is no part of the test. */
async function npm(args: string[], cwd: string, environment: NodeJS.ProcessEnv = process.env) {
  const env = { ...environment, npm_config_userconfig: join(folder, 'no-npmrc'), npm_config_update_notifier: 'false' };
  return await run('npm', args, { cwd, env, timeout: PREBUILD_TIMEOUT_MS });
}

async function pack(into: string): Promise<Packed> {
  // Where Node's headers are may stand in the user's npmrc.
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', into], { cwd: root, timeout: PREBUILD_TIMEOUT_MS });
  // npm prints the output of prepack before its own JSON.
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[$/m))) as [Packed];
  return packed;
}

/** A folder of a stranger's, outside of this project. */
function emptyFolder(name: string): string {
  const home = join(folder, name);
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'stranger', private: true }));
  return home;
}

/** Packs the project and installs the tarball into an empty folder. */
async function packAndInstall(name: string): Promise<{ packed: Packed; home: string }> {
  const home = emptyFolder(name);
  const packed = await pack(home);
  await npm(['install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', join(home, packed.filename)], home);
  return { packed, home };
}

/** The engine that a `Mux` gets in that folder, what was loaded for it, what was said; and whether `require` gets what `import` gets. */
async function engineIn(home: string, options: { node?: string; uid?: number } = {}) {
  const script = `
    import { createRequire } from 'node:module';
    import { Mux } from 'netmux';
    const required = createRequire(process.cwd() + '/')('netmux');
    const mux = new Mux();
    mux.setCallbackObject({ mux_input(_, fh, input) { fh.write(input.take()); } });
    const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    const client = mux.connect({ host: '127.0.0.1', port: listener.localPort });
    mux.setCallbackObject({ mux_input(_, fh, input) { fh.data = input.take().toString(); mux.endLoop(); } }, client);
    client.write('echoed');
    await mux.loop();
    const binaries = process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'));
    console.log(JSON.stringify({ engine: mux.engine, binaries, answer: client.data, one: required.Mux === Mux, node: process.version }));`;
  const { NETMUX_ENGINE: _engine, NETMUX_ADDON: _addon, ...env } = process.env;
  const { node = process.execPath, uid } = options;
  const { stdout, stderr } = await run(node, ['--input-type=module', '--eval', script], {
    cwd: home,
    env,
    timeout: RUN_TIMEOUT_MS,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  return { ...(JSON.parse(stdout) as { engine: string; binaries: string[]; answer: string; one: boolean; node: string }), stderr };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'netmux-pack-'));
  // Also for the user that has no rights in here.
  chmodSync(folder, 0o755);
  // The tests make one of their own in its place; this one may be the release's.
  if (existsSync(join(root, ownBinary))) cpSync(join(root, ownBinary), join(folder, 'own.node'), { preserveTimestamps: true });
});

afterAll(() => {
  if (existsSync(join(folder, 'own.node'))) cpSync(join(folder, 'own.node'), join(root, ownBinary), { preserveTimestamps: true });
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(nativeRequired || nativeFailure === undefined)('the packed package', () => {
  let packed: Packed;
  let home: string;
  const works = { engine: 'native', answer: 'echoed', one: true, stderr: '' };

  beforeAll(async () => {
    rmSync(join(root, ownBinary), { force: true });
    ({ packed, home } = await packAndInstall('built'));
  }, PACK_TIMEOUT_MS);

  it('holds nothing but what belongs in it', () => {
    const files = packed.files.map((file) => file.path);
    expect(files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'CHANGELOG.md', 'docs/api.md', 'dist/index.js', 'dist/index.cjs', 'dist/index.d.ts']),
    );
  });

  it('is small enough to hold the binaries of all platforms', () => {
    const own = gzipSync(readFileSync(join(home, 'node_modules/netmux', ownBinary))).length;
    const others = packed.files.filter((file) => file.path.endsWith('.node')).length - 1;
    expect(packed.size - own + (6 - others) * PACKED_BINARY_BYTES).toBeLessThan(MAX_PACKED_BYTES);
  });

  it('runs on the native engine after a mere build, as ESM and as CommonJS, which share one copy', async () => {
    const { binaries, ...rest } = await engineIn(home);
    expect(rest).toMatchObject(works);
    expect(binaries).toEqual([join(home, 'node_modules/netmux', ownBinary)]);
  });

  // Fetched from npm, 50 MB: wherever else these tests run, the Node that runs them has to do.
  it.runIf(process.env.CI !== undefined && platform === 'linux-x64')(
    'runs on the newest Node',
    { timeout: PREBUILD_TIMEOUT_MS },
    async () => {
      const { stdout } = await run(process.execPath, [join(root, 'scripts/newest-node.mjs')], { timeout: PREBUILD_TIMEOUT_MS });
      const { node, ...rest } = await engineIn(home, { node: stdout.trim() });
      expect(rest).toMatchObject(works);
      expect(Number.parseInt(node.slice(1), 10)).toBeGreaterThanOrEqual(26);
    },
  );

  it('installs without a compiler and without a word of warning, with scripts allowed', { timeout: PACK_TIMEOUT_MS }, async () => {
    const bare = join(folder, 'bare-path');
    mkdirSync(bare);
    symlinkSync('/bin/sh', join(bare, 'sh'));
    symlinkSync(process.execPath, join(bare, 'node'));
    const { stdout: npmPath } = await run('sh', ['-c', 'command -v npm']);
    symlinkSync(npmPath.trim(), join(bare, 'npm'));
    const there = emptyFolder('without-compiler');
    const tarball = join(home, packed.filename);
    const { stdout, stderr } = await npm(['install', '--offline', '--no-audit', '--no-fund', tarball], there, { PATH: bare, HOME: folder });
    expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: expect.stringMatching(/^added 1 package in \S+$/), stderr: '' });
    expect(await engineIn(there)).toMatchObject(works);
  });

  it('runs from a folder in which it may write nothing', async () => {
    const there = emptyFolder('read-only');
    cpSync(join(home, 'node_modules'), join(there, 'node_modules'), { recursive: true });
    await run('chmod', ['-R', 'a-w,a+rX', there]);
    // To the superuser nothing is read-only; 65534 is `nobody`.
    const uid = process.getuid?.() === 0 ? { uid: 65534 } : {};
    try {
      expect(await engineIn(there, uid)).toMatchObject(works);
    } finally {
      await run('chmod', ['-R', 'u+w', there]);
    }
  });

  it('runs on the pure-Node engine on a platform without a binary, and says so in one line', async () => {
    const there = emptyFolder('other-platform');
    cpSync(join(home, 'node_modules'), join(there, 'node_modules'), { recursive: true });
    rmSync(join(there, 'node_modules/netmux/prebuilds'), { recursive: true });
    const { stderr, ...rest } = await engineIn(there);
    expect(rest).toMatchObject({ engine: 'node', binaries: [], answer: 'echoed', one: true });
    expect(stderr).toMatch(/^netmux: using the pure-Node engine, which is slower: no native engine for [^\n]+\n$/);
  });

  it('needs nothing else at run time, and runs nothing when it is installed', async () => {
    const description = JSON.parse(readFileSync(join(home, 'node_modules/netmux/package.json'), 'utf8'));
    for (const key of ['dependencies', 'peerDependencies', 'optionalDependencies']) expect(description).not.toHaveProperty(key);
    // npm asks leave for the first four, and for the last where the package does not come from a registry.
    for (const script of ['preinstall', 'install', 'postinstall', 'prepublish', 'prepare']) {
      expect(description.scripts).not.toHaveProperty(script);
    }
    // Without this npm compiles whatever has a binding.gyp.
    expect(description.gypfile).toBe(false);
  });

  it('has a bill of materials with itself alone', async () => {
    const { stdout } = await npm(['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'], root);
    const { metadata, components } = JSON.parse(stdout) as { metadata: { component: { purl: string } }; components: unknown[] };
    expect(metadata.component.purl).toMatch(/^pkg:npm\/netmux@/);
    expect(components).toEqual([]);
  });

  it('runs on the native engine after `npm run prebuild`, which leaves the build alone', { timeout: PREBUILD_TIMEOUT_MS }, async () => {
    const times = () => BUILT.map((file) => statSync(join(root, file)).mtimeMs);
    const before = times();
    rmSync(join(root, ownBinary), { force: true });
    await run('npm', ['run', 'prebuild'], { cwd: root, timeout: PREBUILD_TIMEOUT_MS });
    expect(await engineIn((await packAndInstall('prebuilt')).home)).toMatchObject(works);
    expect(times()).toEqual(before);
    expect(existsSync(join(root, '.cache/prebuild'))).toBe(false);
  });
});
