// `npm test`: brings the build up to date, runs the C++ tests and vitest, and ends with one line that sums both.
// Arguments go to vitest, e.g. `npm test -- test/mux`; then the C++ tests are left out.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, toolchainProblem } from './toolchain.mjs';

const filters = process.argv.slice(2);

if ((await runNode([join(root, 'scripts/prepare.mjs')])) !== 0) {
  console.log('0 passed, 1 failed');
  process.exit(1);
}

const counts = [];
if (filters.length === 0 && existsSync(join(root, 'scripts/test-native.mjs'))) counts.push(await nativeTests());
counts.push(await vitest());

const passed = sum('passed');
const failed = sum('failed');
const skipped = sum('skipped');
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** The C++ tests; their last line on stdout is `C++: N passed, N failed`. */
async function nativeTests() {
  let output = '';
  const status = await runNode([join(root, 'scripts/test-native.mjs')], process.env, (chunk) => {
    output += chunk;
  });
  const last = [...output.matchAll(/^C\+\+: (\d+) passed, (\d+) failed$/gm)].at(-1);
  const count = { passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? 0) };
  return atLeastOneFailureIf(status !== 0, count);
}

/** Where the addon can be built it must be tested: vitest is told to fail without it. */
async function vitest() {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-test-'));
  const report = join(folder, 'report.json');
  const { NETMUX_ENGINE: _chosenByTheUser, ...environment } = process.env;
  if (toolchainProblem() === undefined) environment.NETMUX_REQUIRE_NATIVE = '1';
  try {
    const status = await runNode(
      [
        join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--reporter=default',
        '--reporter=json',
        `--reporter=${join(root, 'scripts/telling-reporter.mjs')}`,
        `--outputFile.json=${report}`,
        ...filters,
      ],
      environment,
    );
    return atLeastOneFailureIf(status !== 0, existsSync(report) ? countReport(JSON.parse(readFileSync(report, 'utf8'))) : {});
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that could not even be loaded has no tests to count, but it failed. */
function countReport({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  const brokenFiles = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  return { passed: numPassedTests, failed: numFailedTests + brokenFiles, skipped: numPendingTests + numTodoTests };
}

/** A run that failed without a failed test (a crash, an unhandled error, a compile error) is a failure all the same. */
function atLeastOneFailureIf(runFailed, { passed = 0, failed = 0, skipped = 0 }) {
  return { passed, failed: runFailed ? Math.max(failed, 1) : failed, skipped };
}

function sum(key) {
  return counts.reduce((total, count) => total + count[key], 0);
}

/** @returns the exit status, 1 for a signal. With `onOutput` stdout is shown and handed over, too. */
function runNode(args, environment = process.env, onOutput) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...environment },
      stdio: ['ignore', onOutput === undefined ? 'inherit' : 'pipe', 'inherit'],
    });
    child.stdout?.on('data', (chunk) => {
      process.stdout.write(chunk);
      onOutput(chunk);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}
