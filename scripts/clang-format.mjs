// Formats C++: `npm run format` calls it after Biome. Only with the version named here: another would format otherwise.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, run } from './toolchain.mjs';

/** Debian 12's. */
const VERSION = 14;

const FOLDERS = ['native', 'test/native', 'test/fuzz', 'bench', 'scripts/cross'];

/** @returns {{ command?: string, missing?: string }} the program, or in a few words why there is none */
export function clangFormat() {
  const command = [`clang-format-${VERSION}`, 'clang-format'].find((name) => {
    const { status, stdout } = run(name, ['--version']);
    return status === 0 && stdout.includes(`version ${VERSION}.`);
  });
  return command === undefined ? { missing: `no clang-format ${VERSION}` } : { command };
}

export function cppSources() {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(cc|h)$/.test(name))
      .map((name) => join(folder, name)),
  ).sort();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { command, missing } = clangFormat();
  if (missing === undefined) run(command, ['-i', ...cppSources()]);
  else console.log(`C++ is not formatted: ${missing}`);
}
