// `npm run test:deep`: what takes too long for each change. With names, only those parts: `npm run test:deep -- valgrind`.
//   --seconds=N    for each fuzz target, default 600
//   --tests=PATHS  what runs under the sanitizers of the addon, default test/mux,test/engine,test/server,test/framing,test/model
// Each part ends with one line: its name, its figure, its verdict.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root, run } from './toolchain.mjs';

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    tests: { type: 'string', default: 'test/mux,test/engine,test/server,test/framing,test/model' },
  },
  allowPositionals: true,
});

/** That are started, and ended in four ways. */
const WORKERS = '100';

const BUFFER_BYTES = 2 ** 28;
const PART_TIMEOUT_MS = 6 * 60 * 60_000;
/** A test under a sanitizer, on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;

/** What the sanitizers print, also into the output of a program that a test started. */
const SANITIZER_REPORT = /ERROR: \w+Sanitizer|runtime error: /g;

/** Each gives its figure and, where it failed, what was printed. */
const PARTS = {
  /** T44: the stand-alone core. */
  'core-asan-ubsan': () => core('--sanitize=address,undefined'),
  'core-tsan': () => core('--sanitize=thread'),
  valgrind: () => core('--valgrind'),
  /** T44: the addon under Node. Some versions of Node leave memory at their end, so leaks are looked for in two parts of their own. */
  'node-asan-ubsan': () => suite(),
  /** T02, T39: environments that end with all that they have open. The core's own tests look for leaks, too. */
  leaks: () => leaks(),
  /** T28: what the core takes in. */
  fuzz: () => {
    const { status, output } = script('fuzz.mjs', `--seconds=${values.seconds}`);
    const figures = [...output.matchAll(/^fuzz (.*): ok$/gm)].map(([, figure]) => figure);
    return { figure: figures.join('; '), failed: status !== 0, output };
  },
  /** T08: the kernel that fails by strace's hand. */
  strace: () => vitest(['test/mux/injected-faults.test.ts'], process.env),
};

const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const start = performance.now();
  const { figure, failed, output } = PARTS[name]();
  if (failed) {
    console.log(output);
    process.exitCode = 1;
  }
  console.log(`${name}: ${figure} (${((performance.now() - start) / 1000).toFixed(0)} s): ${failed ? 'FAILED' : 'ok'}`);
}

function core(option) {
  const { status, output } = script('test-native.mjs', option);
  return { figure: /^C\+\+: (.*)$/m.exec(output)?.[1] ?? 'nothing ran', failed: status !== 0, output };
}

function suite() {
  const built = sanitized('address,undefined');
  return built.environment === undefined ? built : vitest(values.tests.split(','), built.environment);
}

/** The environment in which Node runs with the addon built so; where that fails, the part's outcome. */
function sanitized(sanitizers) {
  const { status, output } = script('build-cmake.mjs', `--sanitize=${sanitizers}`);
  if (status !== 0) return { figure: 'not built', failed: true, output };
  const variables = output.trim().split('\n').at(-1).split(' ');
  return { environment: { ...process.env, ...Object.fromEntries(variables.map(variable)) } };
}

function leaks() {
  const built = sanitized('address');
  if (built.environment === undefined) return built;
  const { status, output } = node(['test/mux/programs/worker-leaks.mjs', WORKERS], {
    ...built.environment,
    ASAN_OPTIONS: 'detect_leaks=1',
    NETMUX_ENGINE: 'native',
    NETMUX_LIBRARY: pathToFileURL(join(root, 'dist/index.js')).href,
  });
  const [, before, after] = /"descriptors":(\d+).*"descriptors":(\d+)/.exec(output) ?? [];
  const leaked = /SUMMARY: \w+Sanitizer: (.*)/.exec(output)?.[1] ?? 'nothing leaked';
  return {
    figure: `${WORKERS} workers, ${before} descriptors before and ${after} after, ${leaked}`,
    failed: status !== 0 || before !== after,
    output,
  };
}

function variable(text) {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

function vitest(files, environment) {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-deep-'));
  const report = join(folder, 'report.json');
  try {
    const { status, output } = node(
      [
        'node_modules/vitest/vitest.mjs',
        ...['run', '--project', 'behaviour', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
        ...[`--testTimeout=${TEST_TIMEOUT_MS}`, `--hookTimeout=${TEST_TIMEOUT_MS}`],
        ...files,
      ],
      { ...environment, NETMUX_REQUIRE_NATIVE: '1' },
    );
    const counted = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
    const { numPassedTests: passed = 0, numFailedTests: failed = 0, numPendingTests: skipped = 0 } = counted;
    const reports = output.match(SANITIZER_REPORT)?.length ?? 0;
    return {
      figure: `${passed} passed, ${failed} failed, ${skipped} skipped, ${reports} reports of a sanitizer`,
      failed: status !== 0 || passed === 0 || reports > 0,
      output,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function script(name, ...args) {
  return node([join('scripts', name), ...args], process.env);
}

function node(args, env) {
  const { status, error, stdout, stderr } = run(process.execPath, args, {
    env,
    cwd: root,
    timeout: PART_TIMEOUT_MS,
    maxBuffer: BUFFER_BYTES,
  });
  return { status, output: `${error?.message ?? ''}${stdout}${stderr}` };
}
