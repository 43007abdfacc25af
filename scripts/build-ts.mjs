// Compiles src/ into out/src/, makes the package in dist/ of it (see bundle.mjs), then compiles examples/, bench/ and the scenario
// server into out/. Incremental: with nothing to do it takes about a second.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withBuildLock } from './build-lock.mjs';
import { root, run } from './toolchain.mjs';

const COMPILE_TIMEOUT_MS = 10 * 60_000;

/** @returns {Promise<{ failed?: string }>} the compiler's messages, if it had any */
export async function buildTypeScript() {
  removeOrphans();
  const library = compile('tsconfig.json');
  if (library.failed !== undefined) return library;
  // Here, not above: `prepare` also runs where no development dependency is installed, and says so.
  const { bundle } = await import('./bundle.mjs');
  await bundle();
  return compile('tsconfig.out.json');
}

function compile(project) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, error, stdout, stderr } = run(process.execPath, [tsc, '--build', project], { timeout: COMPILE_TIMEOUT_MS });
  return status === 0 ? {} : { failed: `${error?.message ?? ''}${stdout}${stderr}` };
}

/** Compiled files whose source was renamed or deleted could be imported for ever. */
function removeOrphans() {
  const folder = join(root, 'out');
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder, { recursive: true })) {
    const stem = /^(.+?)(\.d\.ts|\.js|\.js\.map)$/.exec(file)?.[1];
    if (stem !== undefined && !existsSync(join(root, `${stem}.ts`))) rmSync(join(folder, file));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { failed } = await withBuildLock(buildTypeScript);
  if (failed !== undefined) {
    process.stderr.write(failed);
    process.exitCode = 1;
  }
}
