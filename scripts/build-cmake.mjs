// The addon by CMake, with debug symbols: `node scripts/build-cmake.mjs [--sanitize=address,undefined | --sanitize=thread] [--faults]`. With
// `--faults` it is the addon on a difficult kernel: test/native/fault_wrappers.cc. The last line
// is the environment in which Node runs with it, e.g. `env $(node scripts/build-cmake.mjs --sanitize=address | tail -n 1) npm test -- test/mux`.
// Beside it lies compile_commands.json, which clangd finds by .clangd.
import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseCommandLine } from './command-line.mjs';
import { findNodeDir, root, run } from './toolchain.mjs';

const BUILD_TIMEOUT_MS = 15 * 60_000;

/** Compilers at a time: a small machine stays usable. */
const JOBS = '2';

/** Node is not built with a sanitizer, so its library has to be there before all others; and Node itself leaks on purpose at its end. */
const RUN_TIME = {
  address: { library: 'libasan.so', settings: ['ASAN_OPTIONS=detect_leaks=0'] },
  thread: { library: 'libtsan.so', settings: [] },
  undefined: { library: 'libubsan.so', settings: ['UBSAN_OPTIONS=print_stacktrace=1'] },
};

const { values } = parseCommandLine(import.meta.url, {
  options: { sanitize: { type: 'string', default: '' }, faults: { type: 'boolean', default: false } },
});
const sanitizers = values.sanitize.split(',').filter(Boolean);
const unknown = sanitizers.filter((name) => !Object.hasOwn(RUN_TIME, name));
if (unknown.length > 0) fail(`no such sanitizer: ${unknown.join(', ')}; there are ${Object.keys(RUN_TIME).join(', ')}`);
const nodeDir = findNodeDir();
if (nodeDir === undefined) fail("Node's headers are not on this machine: give npm_config_nodedir");

const folder = join(root, 'out/cmake', [...sanitizers, ...(values.faults ? ['faults'] : [])].join('-') || 'debug');
mkdirSync(folder, { recursive: true });
const headers = `-DCMAKE_JS_INC=${join(nodeDir, 'include/node')}`;
must('cmake', [
  '-S',
  join(root, 'native'),
  '-B',
  folder,
  '-DCMAKE_BUILD_TYPE=Debug',
  headers,
  `-DNETMUX_SANITIZE=${sanitizers.join(',')}`,
  `-DNETMUX_FAULTS=${values.faults ? 'ON' : 'OFF'}`,
]);
must('cmake', ['--build', folder, '--parallel', JOBS]);
console.log([`NETMUX_ADDON=${relative(root, join(folder, 'netmux.node'))}`, ...preload(), ...settings()].join(' '));

function preload() {
  // clang has its own; where to find them it says by itself.
  const compiler = process.env.CXX || 'c++';
  const libraries = sanitizers.map((name) => run(compiler, [`-print-file-name=${RUN_TIME[name].library}`]).stdout.trim());
  return libraries.length > 0 ? [`LD_PRELOAD=${libraries.join(':')}`] : [];
}

function settings() {
  return sanitizers.flatMap((name) => RUN_TIME[name].settings);
}

function must(command, args) {
  const { status, error, stdout, stderr } = run(command, args, { timeout: BUILD_TIMEOUT_MS, maxBuffer: 2 ** 26 });
  if (status !== 0) fail(`${command} failed: ${error?.message ?? ''}${stdout}${stderr}`);
}

function fail(reason) {
  console.error(`build-cmake: ${reason}`);
  process.exit(1);
}
