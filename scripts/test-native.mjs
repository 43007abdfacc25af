// The C++ tests: compiles test/native/*_test.cc with what they test, runs each, and ends with `C++: N passed, N failed`.
//   node scripts/test-native.mjs [--sanitize=address,undefined | --sanitize=thread | --valgrind | --emulator=qemu-aarch64-static] [NAME …]
// With an emulator and a cross compiler in CXX it tests another platform.
// The compiler is $CXX or the system's. Only a machine without any skips them; it says so and exits with 0.
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseCommandLine } from './command-line.mjs';
import { HOSTILE, REACTOR } from './native-sources.mjs';
import { root, run } from './toolchain.mjs';

/** What each test is linked with. Headers without a source of their own need no entry. */
const SOURCES = {
  address_counts_test: ['address_counts.cc', 'memory.cc'],
  fault_kernel_test: HOSTILE,
  kqueue_merge_test: [],
  outbox_memory_test: REACTOR,
  outbox_test: ['outbox.cc', 'memory.cc'],
  reactor_adopt_test: REACTOR,
  reactor_busy_poll_test: REACTOR,
  reactor_close_test: REACTOR,
  reactor_connect_test: REACTOR,
  reactor_datagram_test: REACTOR,
  reactor_fairness_test: REACTOR,
  reactor_identity_test: REACTOR,
  reactor_input_test: REACTOR,
  reactor_limits_test: REACTOR,
  reactor_listener_test: REACTOR,
  reactor_memory_test: REACTOR,
  reactor_output_test: REACTOR,
  reactor_ring_fuzz_test: REACTOR,
  reactor_time_limits_test: REACTOR,
  reactor_timer_test: REACTOR,
  slot_table_test: ['slot_table.cc', 'outbox.cc', 'memory.cc'],
  timer_wheel_test: ['timer_wheel.cc', 'memory.cc'],
  timer_wheel_random_test: ['timer_wheel.cc', 'memory.cc'],
};

const FLAGS = ['-std=c++17', '-O1', '-g', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror', '-Inative'];
const COMPILE_TIMEOUT_MS = 120_000;
/** A test takes seconds, with a sanitizer on a busy machine perhaps a minute: what takes longer hangs, unless it was told how much to do. */
const RUN_TIMEOUT_MS = process.env.NETMUX_FAULT_SEEDS === undefined ? 180_000 : 3_600_000;

/** Valgrind, or an emulator, plays the processor: what takes a test seconds takes it minutes. */
const PLAYED_TIMEOUT_MS = 30 * 60_000;
const VALGRIND = ['valgrind', '--quiet', '--error-exitcode=99', '--leak-check=full'];

const { values, positionals } = parseCommandLine(import.meta.url, {
  options: { sanitize: { type: 'string' }, valgrind: { type: 'boolean', default: false }, emulator: { type: 'string' } },
  allowPositionals: true,
});
/** What starts a test, in place of the system. */
const STARTER = values.valgrind ? VALGRIND : values.emulator === undefined ? [] : [values.emulator];
const sanitizer =
  values.sanitize === undefined ? [] : [`-fsanitize=${values.sanitize}`, '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
const compiler = findCompiler();
if (compiler === undefined) {
  console.log('C++: skipped, no C++ compiler');
} else {
  const total = testAll();
  console.log(`C++: ${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** $CXX may be several words (`ccache g++`). One that does not work is an error of its user, not a missing compiler. */
function findCompiler() {
  const given = process.env.CXX?.trim().split(/\s+/);
  if (given !== undefined && given[0] !== '') return given;
  return [['c++'], ['g++'], ['clang++']].find(([command]) => run(command, ['--version']).status === 0);
}

function testAll() {
  // What one compiler or sanitizer has made is never taken for another's.
  const folder = join(root, 'out/native', [...compiler, values.sanitize ?? 'plain'].join('-').replace(/[^\w+.-]+/g, '_'));
  mkdirSync(folder, { recursive: true });
  const total = { passed: 0, failed: 0 };
  const tests = readdirSync(join(root, 'test/native')).filter((name) => name.endsWith('_test.cc'));
  for (const name of positionals.length > 0 ? positionals : tests.map((file) => basename(file, '.cc'))) {
    const count = testOne(name, folder);
    total.passed += count.passed;
    total.failed += count.failed;
  }
  return total;
}

/** A test that does not compile, crashes or hangs is one failure more than it could count. */
function testOne(name, folder) {
  if (SOURCES[name] === undefined) return report(name, `${name} is not in the table of scripts/test-native.mjs`);
  const objects = [];
  for (const source of [`test/native/${name}.cc`, ...SOURCES[name].map((file) => `native/${file}`)]) {
    const object = join(folder, `${basename(source, '.cc')}.o`);
    const problem = build([source, ...headers()], object, ['-c', source]);
    if (problem !== undefined) return report(name, problem);
    objects.push(object);
  }
  const program = join(folder, name);
  const problem = build(objects, program, objects);
  if (problem !== undefined) return report(name, problem);

  const [command, ...args] = [...STARTER, program];
  const timeout = STARTER.length > 0 ? PLAYED_TIMEOUT_MS : RUN_TIMEOUT_MS;
  const { status, signal, stdout, stderr, error } = run(command, args, { timeout });
  if (error?.code === 'ENOENT') return report(name, `${command}: not found`);
  const counted = /^(\d+) passed, (\d+) failed\n$/m.exec(stdout);
  const passed = Number(counted?.[1] ?? 0);
  const failed = Number(counted?.[2] ?? 0);
  if (status === 0 && passed > 0) return report(name, undefined, passed);
  return report(name, `${stdout}${stderr}${signal === null ? `exit code ${status}` : `ended by ${signal}`}`, passed, Math.max(failed, 1));
}

function report(name, problem, passed = 0, failed = problem === undefined ? 0 : 1) {
  if (problem !== undefined) console.log(problem.trimEnd());
  console.log(`${name}: ${passed} passed, ${failed} failed`);
  return { passed, failed };
}

/** Makes `target` unless it is newer than all it is made of and than the flags and lists, which stand in two scripts. */
function build(inputs, target, args) {
  const scripts = [fileURLToPath(import.meta.url), join(root, 'scripts/native-sources.mjs')];
  const newest = Math.max(...[...inputs.map((path) => resolve(root, path)), ...scripts].map(modified));
  if (existsSync(target) && modified(target) > newest) return undefined;
  const result = run(compiler[0], [...compiler.slice(1), ...FLAGS, ...sanitizer, ...args, '-o', target], { timeout: COMPILE_TIMEOUT_MS });
  if (result.status === 0) return undefined;
  return result.error === undefined ? result.stderr : `${compiler[0]}: ${result.error.message}`;
}

function headers() {
  return ['native', 'test/native'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.h'))
      .map((name) => join(folder, name)),
  );
}

function modified(path) {
  return statSync(path).mtimeMs;
}
