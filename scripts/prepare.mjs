// `npm run compile`: the addon into build/, the package into dist/, examples and bench into out/. (With a script named `build` npm would
// run `prebuild` as well.) Run by `npm ci` in a clone, too, as npm's script `dependencies`: of a script `prepare` npm would warn whoever
// installs a packed file. Without a compiler it says so in one line and goes on, the pure-Node engine needs none; with one, an error is an error.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withBuildLock } from './build-lock.mjs';
import { buildNative } from './build-native.mjs';
import { buildTypeScript } from './build-ts.mjs';
import { root } from './toolchain.mjs';

if (['node-gyp', 'typescript'].every((name) => existsSync(join(root, 'node_modules', name)))) {
  await withBuildLock(prepare);
} else {
  console.log('netmux: nothing was built: the development dependencies are not installed');
}

async function prepare() {
  const native = buildNative();
  if (native.unavailable !== undefined) console.log(`netmux: addon not built, only the pure-Node engine works here: ${native.unavailable}`);
  const typescript = await buildTypeScript();
  for (const [what, failed] of [
    ['the addon', native.failed],
    ['TypeScript', typescript.failed],
  ]) {
    if (failed === undefined) continue;
    process.stderr.write(`${failed.trimEnd()}\nnetmux: building ${what} failed\n`);
    process.exitCode = 1;
  }
}
