// Sees to it that `npm pack` ships what the sources say, and a binary for this platform: the one in prebuilds/ (it may be linked against
// an older C library than this machine's) unless the sources are newer, else a copy of the one that was built here. build/ itself is not
// published: what lies there says nothing about the platform it is for.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withBuildLock } from './build-lock.mjs';
import { ADDON, buildNative, nativeSources } from './build-native.mjs';
import { buildTypeScript } from './build-ts.mjs';
import { ownPlatform, prebuiltFileOf } from './platforms.mjs';
import { root } from './toolchain.mjs';

const [native, typescript] = await withBuildLock(async () => [buildNative(), await buildTypeScript()]);
const failed = native.failed ?? typescript.failed;
if (failed !== undefined) {
  process.stderr.write(failed);
  process.exitCode = 1;
} else if (native.unavailable !== undefined) {
  console.error(`netmux: packing without a binary made here: ${native.unavailable}`);
} else {
  ship(join(root, prebuiltFileOf(ownPlatform())));
}

function ship(target) {
  const newest = Math.max(...nativeSources().map((file) => statSync(join(root, file)).mtimeMs));
  if ((statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= newest) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(ADDON, target);
  // As prebuildify does it. Symbols only cost size: without a `strip` the file works as well.
  spawnSync('strip', process.platform === 'darwin' ? ['-Sx', target] : ['--strip-all', target], { stdio: 'ignore' });
}
