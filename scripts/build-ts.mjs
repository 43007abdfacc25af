// Compiles src/ into dist/, and examples/, bench/ and the scenario server into out/. Incremental: with nothing to do it takes well under a second.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withBuildLock } from './build-lock.mjs';
import { root, run } from './toolchain.mjs';

/** Folder of the results, and the folder whose files they were made from. */
const OUTPUTS = [
  ['dist', 'src'],
  ['out', '.'],
];

const COMPILE_TIMEOUT_MS = 10 * 60_000;

/** @returns {{ failed?: string }} the compiler's messages, if it had any */
export function buildTypeScript() {
  for (const [output, sources] of OUTPUTS) removeOrphans(output, sources);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const build = run(process.execPath, [tsc, '--build', 'tsconfig.json', 'tsconfig.out.json'], { timeout: COMPILE_TIMEOUT_MS });
  return build.status === 0 ? {} : { failed: `${build.error?.message ?? ''}${build.stdout}${build.stderr}` };
}

/** Compiled files whose source was renamed or deleted would be published, and could be imported, for ever. */
function removeOrphans(output, sources) {
  const folder = join(root, output);
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder, { recursive: true })) {
    const stem = /^(.+?)(\.d\.ts|\.js|\.js\.map)$/.exec(file)?.[1];
    if (stem !== undefined && !existsSync(join(root, sources, `${stem}.ts`))) rmSync(join(folder, file));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { failed } = await withBuildLock(buildTypeScript);
  if (failed !== undefined) {
    process.stderr.write(failed);
    process.exitCode = 1;
  }
}
