// The fuzz targets of test/fuzz/, by clang's libFuzzer with the address and undefined-behaviour sanitizers:
//   node scripts/fuzz.mjs [--seconds=10] [TARGET …]
// Inputs that reach something new are kept in out/fuzz/TARGET/; those of test/fuzz/corpus/TARGET/ begin. An input that breaks
// something lies in out/fuzz/ afterwards, and `out/fuzz/TARGET.fuzz FILE` plays it again.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HOSTILE } from './native-sources.mjs';
import { root, run } from './toolchain.mjs';

/** What each target is linked with, and how long its inputs may be. */
const TARGETS = {
  addresses: { sources: ['address_counts.cc', 'memory.cc', 'socket_ops.cc'], length: 256 },
  ring: { sources: HOSTILE, length: 1024 },
};

const COMPILER = process.env.CXX || 'clang++';
const SANITIZERS = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
const FLAGS = ['-std=c++17', '-O1', '-g', '-fno-exceptions', '-fno-rtti', '-DNETMUX_FUZZ', '-Inative', '-Itest/native', ...SANITIZERS];
const COMPILE_TIMEOUT_MS = 10 * 60_000;
/** An input takes a millisecond: one that takes so many seconds loops. */
const INPUT_TIMEOUT_S = 20;
/** For the inputs that are there already, and to come to an end. */
const GRACE_MS = 5 * 60_000;

const { values, positionals } = parseArgs({ options: { seconds: { type: 'string', default: '10' } }, allowPositionals: true });
const seconds = Number(values.seconds);
if (!(Number.isInteger(seconds) && seconds > 0)) fail('--seconds is a whole number of seconds, at least 1');
const unknown = positionals.filter((name) => !Object.hasOwn(TARGETS, name));
if (unknown.length > 0) fail(`no such target: ${unknown.join(', ')}; there are ${Object.keys(TARGETS).join(', ')}`);

const folder = join(root, 'out/fuzz');
mkdirSync(folder, { recursive: true });
for (const name of positionals.length > 0 ? positionals : Object.keys(TARGETS)) {
  const problem = build(name) ?? fuzz(name);
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
  console.log(`fuzz ${name}: ${inputs} inputs in ${seconds} s, ${branches} branches reached, 0 crashes: ok`);
  return undefined;
}

function fail(reason) {
  console.error(`fuzz: ${reason}`);
  process.exit(2);
}
