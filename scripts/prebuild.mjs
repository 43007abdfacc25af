// `npm run prebuild` makes the binary that is shipped for this platform: prebuilds/<platform>-<arch>/netmux[.<libc>].node.
//
// prebuildify begins with `node-gyp rebuild` and ends by moving the binary away. In the checkout itself that would take build/
// from everybody who runs from it, so it works in a folder of its own.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommandLine } from './command-line.mjs';
import { findNodeDir, nodeGypEnvironment, root, toolchainProblem } from './toolchain.mjs';

const STAGE = join(root, '.cache/prebuild');

/** All that goes into the binary; node-addon-api is found in the node_modules above. */
const INPUTS = ['binding.gyp', 'package.json', 'native'];

parseCommandLine(import.meta.url, {});
const problem = toolchainProblem();
if (problem !== undefined) {
  console.error(`netmux: no prebuilt binary made: ${problem}`);
  process.exit(1);
}

rmSync(STAGE, { recursive: true, force: true });
mkdirSync(STAGE, { recursive: true });
for (const input of INPUTS) cpSync(join(root, input), join(STAGE, input), { recursive: true });

const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/prebuildify/bin.js'),
    '--napi',
    '--strip',
    // Only on Linux is there a choice; elsewhere prebuildify would tag `glibc`, too.
    ...(process.platform === 'linux' ? ['--tag-libc'] : []),
    // Without a target it takes the newest Node it has heard of, whose headers are not the ones at hand.
    '-t',
    `node@${process.versions.node}`,
    '--out',
    root,
  ],
  { cwd: STAGE, env: { JOBS: '2', ...nodeGypEnvironment(findNodeDir()) }, stdio: 'inherit' },
);
rmSync(STAGE, { recursive: true, force: true });
process.exitCode = status ?? 1;
