// What `npm run test:deep` consists of. Each part has the number and the sentence under which RELIABILITY.md tells of it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, run } from './toolchain.mjs';

const BUFFER_BYTES = 2 ** 28;
const PART_TIMEOUT_MS = 6 * 60 * 60_000;
/** A test under a sanitizer, on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;

/** How often as long everything takes under a sanitizer. */
const SLOWNESS = '4';

/** The tests in which the native engine works. */
const ENGINE_TESTS = ['test/mux', 'test/engine', 'test/server', 'test/framing', 'test/model'];

/** The full numbers of the tests on the hostile kernel, of which `npm test` plays a few. */
const HOSTILE_SEEDS = 10_000;
const HOSTILE_ROUNDS = 1_000_000;

/** Connections of the part `churn-asan-ubsan`. */
const CHURNED = 50_000;

/** That are started, and ended in four ways. */
const WORKERS = '100';

/** What the sanitizers print, also into the output of a program that a test started. */
const SANITIZER_REPORT = /ERROR: \w+Sanitizer|runtime error: |WARNING: ThreadSanitizer/g;

/** What test/native/fault_wrappers.cc does, by the names that it writes. */
const FAULT_KINDS = ['EINTR', 'EAGAIN', 'short-read', 'short-write', 'late', 'reordered'];

const FUZZ_TARGETS = {
  addresses: 'address blocks and socket addresses of any content are read within their bounds, and whoever was counted in is counted out',
  ring: 'whatever stands in the command ring, on a kernel that fails as it likes, the core neither crashes nor loops, and gives back every descriptor',
  framing: 'frames and lines are the same wherever the bytes are cut, and any bytes are frames or refused with a code',
  ports: 'any text as a port, an address, a block of addresses or BOUND_SOCKETS is read, or refused with a code',
  configuration: 'any words, files and values as a configuration are read, or refused with a code and one line',
};

/** `perform` gives its figure, whether it failed, and what was printed. */
export const parts = [
  {
    name: 'core-asan-ubsan',
    number: 'T44',
    shows: 'the tests of the core under AddressSanitizer with its search for leaks, and UndefinedBehaviorSanitizer: no report',
    perform: () => core(['--sanitize=address,undefined']),
  },
  {
    name: 'core-tsan',
    number: 'T44',
    shows: 'the tests of the core under ThreadSanitizer: no report',
    perform: () => core(['--sanitize=thread']),
  },
  {
    name: 'valgrind',
    number: 'T44',
    shows: 'the tests of the core under valgrind, leaks included: no report',
    perform: () => core(['--valgrind']),
  },
  {
    name: 'hostile-kernel',
    number: 'T12',
    shows: `${HOSTILE_SEEDS.toLocaleString('en')} echoes of 64 KB in pieces of 1 to 7 bytes are exact, and in ${HOSTILE_ROUNDS.toLocaleString('en')} rounds of descriptors that are used again at once nobody gets an event of another (T10)`,
    perform: () => core(['fault_kernel_test'], { NETMUX_FAULT_SEEDS: String(HOSTILE_SEEDS), NETMUX_FAULT_ROUNDS: String(HOSTILE_ROUNDS) }),
  },
  {
    name: 'node-asan-ubsan',
    number: 'T44',
    shows: 'the tests in TypeScript on an addon under AddressSanitizer and UndefinedBehaviorSanitizer: no report',
    // Leaks are looked for in the core by itself: Node, too, leaves memory at its end.
    perform: ({ tests }) => onAddon(['--sanitize=address,undefined'], tests ?? ENGINE_TESTS, { NETMUX_SLOWNESS: SLOWNESS }),
  },
  {
    name: 'churn-asan-ubsan',
    number: 'T02',
    shows: `${CHURNED.toLocaleString('en')} connections that come and go, ended by client, server or reset, on an addon under AddressSanitizer and UndefinedBehaviorSanitizer`,
    perform: () => churn(),
  },
  {
    name: 'leaks',
    number: 'T39',
    shows: 'environments that end in four ways with all that they have open, under AddressSanitizer with its search for leaks',
    perform: () => leaks(),
  },
  {
    name: 'faults',
    number: 'T13',
    shows:
      'the tests in TypeScript while calls are interrupted, say "later", move less than they could, and readiness is late and out of order',
    perform: ({ tests, seeds }) => onDifficultKernel(tests ?? ['test/mux', 'test/server'], seeds),
  },
  {
    name: 'strace',
    number: 'T08',
    shows: 'system calls failed by strace, an error each: the listener is never lost, and only the connection that was hit pays',
    perform: () => vitest(['test/mux/injected-faults.test.ts'], process.env),
  },
  ...Object.entries(FUZZ_TARGETS).map(([target, shows]) => ({
    name: `fuzz-${target}`,
    number: 'T28',
    shows,
    perform: ({ seconds }) => {
      const { status, output } = script('fuzz.mjs', [`--seconds=${seconds}`, target]);
      return { figure: /^fuzz \w+: (.*): ok$/m.exec(output)?.[1] ?? 'did not come to its end', failed: status !== 0, output };
    },
  })),
];

function core(args, environment = {}) {
  const { status, output } = script('test-native.mjs', args, { ...process.env, ...environment });
  return { figure: /^C\+\+: (.*)$/m.exec(output)?.[1] ?? 'nothing ran', failed: status !== 0, output };
}

/** The tests whose title says that they run over the native engine. Without faults of each kind they have shown nothing. */
function onDifficultKernel(tests, seeds) {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-deep-'));
  const kinds = join(folder, 'kinds');
  const figures = [];
  try {
    for (const seed of seeds) {
      const environment = { NETMUX_FAULT_SEED: seed, NETMUX_FAULT_KINDS: kinds };
      const { figure, failed, output } = onAddon(['--faults'], [...tests, '--testNamePattern=native engine'], environment);
      figures.push(`seed ${seed}: ${figure}`);
      if (failed) return { figure: figures.join('; '), failed, output };
    }
    const met = existsSync(kinds) ? readFileSync(kinds, 'utf8').trim().split('\n') : [];
    const processes = FAULT_KINDS.map((kind) => [kind, met.filter((one) => one === kind).length]);
    figures.push(`processes that met ${processes.map(([kind, count]) => `${kind}: ${count}`).join(', ')}`);
    return { figure: figures.join('; '), failed: processes.some(([, count]) => count === 0), output: '' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function onAddon(options, tests, environment = {}) {
  const built = addon(options);
  return built.environment === undefined ? built : vitest(tests, { ...built.environment, ...environment });
}

/** The environment in which Node runs with the addon built so; where that fails, the outcome of the part. */
function addon(options) {
  const { status, output } = script('build-cmake.mjs', options);
  if (status !== 0) return { figure: 'not built', failed: true, output };
  const variables = output.trim().split('\n').at(-1).split(' ').map(variable);
  return { environment: { ...process.env, ...Object.fromEntries(variables) } };
}

function churn() {
  const built = addon(['--sanitize=address,undefined']);
  if (built.environment === undefined) return built;
  const { status, output } = node(['out/test/endurance/run.js', 'churn', `--connections=${CHURNED}`, '--patience=1800'], built.environment);
  const reports = output.match(SANITIZER_REPORT)?.length ?? 0;
  // How its memory grows says nothing here: AddressSanitizer keeps back what is freed.
  const figure = /^T01 churn: (.*?); memory/m.exec(output)?.[1] ?? 'did not come to its end';
  return { figure: `${figure}; ${reports} reports of a sanitizer`, failed: status !== 0 || reports > 0, output };
}

function leaks() {
  const built = addon(['--sanitize=address']);
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
    failed: status !== 0 || before === undefined || before !== after,
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
        `--reporter=${join(root, 'scripts/telling-reporter.mjs')}`,
        // As in CI: what fails twice in a row fails. A report of a sanitizer counts whenever it is made.
        ...[`--testTimeout=${TEST_TIMEOUT_MS}`, `--hookTimeout=${TEST_TIMEOUT_MS}`, '--retry=1'],
        ...files,
      ],
      { ...environment, NETMUX_REQUIRE_NATIVE: '1' },
    );
    const counted = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
    const { numPassedTests: passed = 0, numFailedTests: failed = 0, numPendingTests: skipped = 0 } = counted;
    const reports = output.match(SANITIZER_REPORT)?.length ?? 0;
    const repeated = output.match(/^repeated \d+ ×: /gm)?.length ?? 0;
    return {
      figure: `${passed} passed${repeated > 0 ? ` (${repeated} when repeated)` : ''}, ${failed} failed, ${skipped} skipped${reports > 0 ? `, ${reports} reports of a sanitizer` : ''}`,
      failed: status !== 0 || passed === 0 || reports > 0,
      output,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function script(name, args, env = process.env) {
  return node([join('scripts', name), ...args], env);
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
