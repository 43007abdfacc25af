// `npm run check`: all that can be said about the sources without running them. With names, only those: `npm run check -- types knip`.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clangFormat, cppSources } from './clang-format.mjs';
import { parseCommandLine } from './command-line.mjs';
import { root, run } from './toolchain.mjs';

const TIMEOUT_MS = 10 * 60_000;

/** Each gives nothing, or what is wrong. */
const CHECKS = {
  /** All of src/, test/ and the configuration; examples/ and bench/ are compiled by the build. */
  types: () => node('typescript/bin/tsc', '-p', 'tsconfig.test.json') ?? script('build-ts.mjs'),
  /** Lint and format of everything but C++. */
  biome: () => node('@biomejs/biome/bin/biome', 'check', '.'),
  /** Format of C++. */
  'clang-format': () => {
    const { command, missing } = clangFormat();
    return missing === undefined ? finished(run(command, ['--dry-run', '--Werror', ...cppSources()])) : { skipped: missing };
  },
  /** Who may import whom; that documents name what exists. */
  architecture: () => node('vitest/vitest.mjs', 'run', '--project', 'behaviour', 'test/architecture', '--reporter=dot'),
  /** Files, exports and dependencies that nobody uses. */
  knip: () => node('knip/bin/knip.js', '--no-progress'),
  /** Doc comments: what they link to, and that no public symbol refers to one that is not exported. */
  typedoc: () => node('typedoc/bin/typedoc', '--emit', 'none'),
  /** What `npm pack` makes, as seen by Node, TypeScript and bundlers. */
  package: () =>
    withPackage(
      (file) =>
        node('publint/src/cli.js', 'run', file, '--strict') ?? node('@arethetypeswrong/cli/dist/index.js', file, '--profile', 'node16'),
    ),
};

const { positionals: chosen } = parseCommandLine(import.meta.url, { allowPositionals: true });
const unknown = chosen.filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(', ')}; there are ${Object.keys(CHECKS).join(', ')}`);
  process.exit(1);
}

let failed = 0;
const names = chosen.length > 0 ? chosen : Object.keys(CHECKS);
for (const name of names) {
  const start = performance.now();
  const problem = CHECKS[name]();
  const outcome = problem === undefined ? 'ok' : problem.skipped === undefined ? 'FAILED' : `skipped: ${problem.skipped}`;
  console.log(`${name.padEnd(14)}${outcome} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (outcome !== 'FAILED') continue;
  failed += 1;
  console.log(problem.output);
}
console.log(`${names.length - failed} of ${names.length} checks passed`);
process.exitCode = failed > 0 ? 1 : 0;

function node(tool, ...args) {
  return finished(run(process.execPath, [join(root, 'node_modules', tool), ...args], { timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 }));
}

function script(name) {
  return finished(run(process.execPath, [join(root, 'scripts', name)], { timeout: TIMEOUT_MS }));
}

function finished({ status, error, stdout, stderr }) {
  return status === 0 ? undefined : { output: `${error?.message ?? ''}${stdout}${stderr}` };
}

function withPackage(check) {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-check-'));
  try {
    const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], { timeout: TIMEOUT_MS });
    return finished(packed) ?? check(join(folder, readdirSync(folder)[0]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
