// What is taken in from outside, given anything:
//   node scripts/fuzz.mjs [--seconds=10] [TARGET …]
// What C++ takes in, by clang's libFuzzer with the address and undefined-behaviour sanitizers. Inputs that reach something new are kept
// in out/fuzz/TARGET/; those of test/fuzz/corpus/TARGET/ begin. An input that breaks something lies in out/fuzz/ afterwards, and
// `out/fuzz/TARGET.fuzz FILE` plays it again. `--minimise` writes the fewest inputs that reach as much into test/fuzz/corpus/TARGET/.
// What TypeScript takes in, by the properties of its tests, tried with fast-check for so long (test/tries.ts). What breaks one is printed,
// made small, with the seed that plays it again.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from './command-line.mjs';
import { HOSTILE } from './native-sources.mjs';
import { root, run } from './toolchain.mjs';

/** Those in C++ by what they are linked with and how long their inputs may be, those in TypeScript by the tests that have the properties. */
const TARGETS = {
  addresses: { sources: ['address_counts.cc', 'memory.cc', 'socket_ops.cc'], length: 256 },
  ring: { sources: HOSTILE, length: 1024 },
  framing: { tests: ['test/framing/framing.test.ts', 'test/mux/input-buffer.test.ts'] },
  ports: { tests: ['test/server/hostile-text.test.ts', 'test/engine/address.test.ts', 'test/server/access-blocks.test.ts'] },
  configuration: { tests: ['test/server/options-text.test.ts', 'test/server/options-sources.test.ts'] },
};

/** For each property in a run: short, since a test that blocks its process for minutes is taken for one that hangs. */
const PROPERTY_SECONDS = 5;
/** A machine that is busy with other things; an input that takes longer by itself is a finding. */
const PROPERTY_PATIENCE_MS = 120_000;

const COMPILER = process.env.CXX || 'clang++';
const SANITIZERS = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
const FLAGS = ['-std=c++17', '-O1', '-g', '-fno-exceptions', '-fno-rtti', '-DNETMUX_FUZZ', '-Inative', '-Itest/native', ...SANITIZERS];
const COMPILE_TIMEOUT_MS = 10 * 60_000;
/** An input takes a millisecond: one that takes so many seconds loops. */
const INPUT_TIMEOUT_S = 20;
/** For the inputs that are there already, and to come to an end. */
const GRACE_MS = 5 * 60_000;

/** The fewest inputs that reach as many branches; not as often, which would keep hundreds. */
const FEWEST = ['-set_cover_merge=1', '-use_counters=0'];

const { values, positionals } = parseCommandLine(import.meta.url, {
  options: { seconds: { type: 'string', default: '10' }, minimise: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const seconds = Number(values.seconds);
if (!(Number.isInteger(seconds) && seconds > 0)) fail('--seconds is a whole number of seconds, at least 1');
const unknown = positionals.filter((name) => !Object.hasOwn(TARGETS, name));
if (unknown.length > 0) fail(`no such target: ${unknown.join(', ')}; there are ${Object.keys(TARGETS).join(', ')}`);

const folder = join(root, 'out/fuzz');
mkdirSync(folder, { recursive: true });
for (const name of positionals.length > 0 ? positionals : Object.keys(TARGETS)) {
  const problem = TARGETS[name].tests === undefined ? (build(name) ?? fuzz(name)) : tryProperties(name);
  if (problem === undefined) continue;
  console.log(problem);
  console.log(`fuzz ${name}: FAILED`);
  process.exitCode = 1;
}

function build(name) {
  const sources = [`test/fuzz/${name}_fuzz.cc`, ...TARGETS[name].sources.map((file) => `native/${file}`)];
  const { status, error, stderr } = run(COMPILER, [...FLAGS, ...sources, '-o', join(folder, `${name}.fuzz`)], {
    timeout: COMPILE_TIMEOUT_MS,
  });
  if (status === 0) return undefined;
  const missing = error?.code === 'ENOENT' || /cannot find .*fuzzer|clang_rt/.test(stderr);
  return missing ? `no clang with libFuzzer: apt-get install clang libclang-rt-14-dev\n${stderr ?? ''}` : (stderr ?? String(error));
}

function fuzz(name) {
  const found = join(folder, name);
  mkdirSync(found, { recursive: true });
  const args = [`-max_total_time=${seconds}`, `-timeout=${INPUT_TIMEOUT_S}`, `-max_len=${TARGETS[name].length}`, '-len_control=0'];
  const { status, error, stderr } = run(
    join(folder, `${name}.fuzz`),
    [...args, '-print_final_stats=1', `-artifact_prefix=${folder}/${name}-`, found, `test/fuzz/corpus/${name}`],
    { timeout: seconds * 1000 + GRACE_MS, maxBuffer: 2 ** 28 },
  );
  const inputs = /number_of_executed_units:\s*(\d+)/.exec(stderr ?? '')?.[1];
  const branches = [...(stderr ?? '').matchAll(/ cov: (\d+) /g)].at(-1)?.[1];
  if (status !== 0 || inputs === undefined || branches === undefined) return `${error?.message ?? ''}${(stderr ?? '').slice(-10_000)}`;
  if (values.minimise) {
    const problem = minimise(name, found);
    if (problem !== undefined) return problem;
  }
  console.log(`fuzz ${name}: ${inputs} inputs in ${seconds} s, ${branches} branches reached, 0 crashes: ok`);
  return undefined;
}

function minimise(name, found) {
  const kept = `test/fuzz/corpus/${name}`;
  const fewest = join(folder, `${name}.fewest`);
  rmSync(fewest, { recursive: true, force: true });
  mkdirSync(fewest);
  const { status, error, stderr } = run(
    join(folder, `${name}.fuzz`),
    [...FEWEST, `-max_len=${TARGETS[name].length}`, fewest, kept, found],
    {
      timeout: GRACE_MS,
      maxBuffer: 2 ** 28,
    },
  );
  if (status !== 0) return `${error?.message ?? ''}${stderr.slice(-10_000)}`;
  rmSync(join(root, kept), { recursive: true });
  renameSync(fewest, join(root, kept));
  console.log(`fuzz ${name}: ${readdirSync(join(root, kept)).length} inputs kept`);
  return undefined;
}

/** Runs the tests until the time is over, each time with other seeds. */
function tryProperties(name) {
  const temporary = mkdtempSync(join(tmpdir(), 'netmux-fuzz-'));
  const counts = join(temporary, 'tries');
  try {
    const end = performance.now() + seconds * 1000;
    do {
      const { status, error, stdout, stderr } = run(
        process.execPath,
        [
          'node_modules/vitest/vitest.mjs',
          'run',
          '--project',
          'behaviour',
          '--maxWorkers=1',
          `--testTimeout=${PROPERTY_PATIENCE_MS}`,
          ...TARGETS[name].tests,
        ],
        {
          env: { ...process.env, NETMUX_TRIES_SECONDS: String(Math.min(seconds, PROPERTY_SECONDS)), NETMUX_TRIES_FILE: counts },
          timeout: GRACE_MS,
          maxBuffer: 2 ** 28,
        },
      );
      if (status !== 0) return `${error?.message ?? ''}${stdout}${stderr}`;
    } while (performance.now() < end);
    const tries = existsSync(counts) ? readFileSync(counts, 'utf8').trim().split('\n').map(Number) : [];
    const inputs = tries.reduce((sum, count) => sum + count, 0);
    if (inputs === 0) return 'no property was tried';
    console.log(`fuzz ${name}: ${inputs} inputs in ${Math.round((performance.now() - end) / 1000) + seconds} s, 0 failures: ok`);
    return undefined;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function fail(reason) {
  console.error(`fuzz: ${reason}`);
  process.exit(2);
}
