// Makes the binaries that are shipped, for every platform, on one Linux machine: `npm run prebuild:cross`, or with names of some.
//
// Linked against the symbols of glibc 2.28, a binary asks for nothing younger, whatever the machine has.
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readBinding } from './binding.mjs';
import { parseCommandLine } from './command-line.mjs';
import { PLATFORMS, prebuiltFileOf } from './platforms.mjs';
import { findNodeDir, root } from './toolchain.mjs';
import { zig } from './zig.mjs';

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

const { positionals } = parseCommandLine(import.meta.url, { allowPositionals: true });
const unknown = positionals.filter((name) => !(name in PLATFORMS));
if (unknown.length > 0) fail(`no such platform: ${unknown.join(', ')}; there are ${Object.keys(PLATFORMS).join(', ')}`);
if (process.platform !== 'linux' || process.arch !== 'x64') fail('the cross compiler is for linux-x64');
// Node-API and libuv's headers are the same everywhere.
const nodeDir = findNodeDir();
if (nodeDir === undefined) fail("Node's headers are not on this machine: give npm_config_nodedir");

for (const name of positionals.length > 0 ? positionals : Object.keys(PLATFORMS)) {
  await build(name).catch((error) => fail(error.message));
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

function fail(reason) {
  console.error(`prebuild:cross: ${reason}`);
  process.exit(1);
}
