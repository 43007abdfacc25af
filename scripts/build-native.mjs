// Builds the addon into build/Release with node-gyp, if anything changed. `configure build`, never `rebuild`: that one begins
// by deleting build/, also under the feet of those who run from it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withBuildLock } from './build-lock.mjs';
import { findNodeDir, nodeGypEnvironment, root, run, toolchainProblem } from './toolchain.mjs';

export const ADDON = join(root, 'build/Release/netmux.node');
const STAMP = join(root, 'build/Release/netmux.inputs');

/** Two: enough for a dozen files, and a small machine stays usable. */
const JOBS = 2;

/** A build takes seconds; whatever takes this long hangs. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

/**
 * @returns {{ built: true } | { upToDate: true } | { unavailable: string } | { failed: string }} `unavailable`: this machine lacks
 *   what is needed (a reason in one line). `failed`: our build failed (all of its output).
 */
export function buildNative() {
  const inputs = fingerprint();
  if (isUpToDate(inputs)) return { upToDate: true };
  const problem = toolchainProblem();
  if (problem !== undefined) return { unavailable: problem };

  const nodeDir = findNodeDir();
  if (nodeDir === undefined) {
    const headers = nodeGyp(['install', '--ensure'], nodeDir);
    if (headers.status !== 0) return { unavailable: "Node's headers are not on this machine and could not be downloaded" };
  }
  const build = nodeGyp(['configure', 'build', '--release', `--jobs=${JOBS}`], nodeDir);
  if (build.status !== 0) return { failed: `${build.error?.message ?? ''}${build.stdout}${build.stderr}` };
  mkdirSync(join(root, 'build/Release'), { recursive: true });
  writeFileSync(STAMP, inputs);
  return { built: true };
}

function nodeGyp(args, nodeDir) {
  const script = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  // Shown only after a failure, and then the compiler's messages are what matters.
  const env = { ...nodeGypEnvironment(nodeDir), npm_config_loglevel: 'warn' };
  return run(process.execPath, [script, ...args], { env, timeout: BUILD_TIMEOUT_MS, maxBuffer: 2 ** 26 });
}

function isUpToDate(inputs) {
  return existsSync(ADDON) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === inputs;
}

/** Everything the binary depends on, as one hash; by content, since a checkout changes times without changing files. */
function fingerprint() {
  const hash = createHash('sha256');
  const { CXX, CXXFLAGS, CPPFLAGS, LDFLAGS } = process.env;
  hash.update(JSON.stringify([process.version, process.platform, process.arch, CXX, CXXFLAGS, CPPFLAGS, LDFLAGS]));
  for (const file of [...nativeSources(), 'node_modules/node-addon-api/package.json']) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** The files of ours that a binary is made from. */
export function nativeSources() {
  const names = readdirSync(join(root, 'native')).filter((file) => /\.(cc|h)$/.test(file));
  return [...names.sort().map((name) => `native/${name}`), 'binding.gyp'];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const result = await withBuildLock(buildNative);
  if (result.failed !== undefined) process.stderr.write(result.failed);
  if (result.unavailable !== undefined) console.error(`netmux: native engine not built: ${result.unavailable}`);
  if (result.failed !== undefined || result.unavailable !== undefined) process.exitCode = 1;
}
