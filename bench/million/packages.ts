/** What the virtual machine needs of Debian: the emulator, installed; a kernel and busybox, unpacked and not installed. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath, ROOT } from '../toolchain.js';

const EMULATOR = 'qemu-system-x86_64';

/** Without what it recommends, which is mostly graphics. */
const INSTALL = ['apt-get', 'install', '-y', '--no-install-recommends', 'qemu-system-x86'];

/** The kernel for virtual machines: everything that is needed to start stands in it, so no module has to be loaded. */
const KERNEL_PACKAGE = 'linux-image-cloud-amd64';
const SHELL_PACKAGE = 'busybox-static';

const FOLDER = join(ROOT, '.cache/million');

/** A slow line, and 27 MB. */
const COMMAND_TIMEOUT_MS = 15 * 60_000;

/** The machine lacks something; `message` says what and how to get it. */
export class Missing extends Error {}

export interface Parts {
  readonly emulator: string;
  readonly kernel: string;
  readonly busybox: string;
}

function run(command: string, args: readonly string[], folder: string): SpawnSyncReturns<string> {
  return spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
}

function demand(command: string, args: readonly string[], folder = ROOT): string {
  const result = run(command, args, folder);
  if (result.status === 0) return result.stdout;
  throw new Missing(`${[command, ...args].join(' ')} failed: ${(result.stderr || String(result.error ?? result.signal)).trim()}`);
}

function findEmulator(mayInstall: boolean): string {
  const found = findOnPath(EMULATOR);
  if (found !== undefined) return found;
  const command = INSTALL.join(' ');
  if (!mayInstall) {
    throw new Missing(`${EMULATOR} is not on the path; install it with\n  ${command}\nor let this program do that: --install (as root)`);
  }
  const result = spawnSync(INSTALL[0]!, INSTALL.slice(1), {
    stdio: 'inherit',
    timeout: COMMAND_TIMEOUT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const installed = findOnPath(EMULATOR);
  if (result.status !== 0 || installed === undefined) throw new Missing(`${command} did not install ${EMULATOR}`);
  return installed;
}

/** The package with the kernel itself: the name that users install only depends on it. */
function kernelPackage(): string {
  const found = /^\s*Depends: (linux-image-\S+)$/m.exec(demand('apt-cache', ['depends', KERNEL_PACKAGE]))?.[1];
  if (found === undefined)
    throw new Missing(`apt knows no ${KERNEL_PACKAGE}; apt-get update may help, and a Debian release among its sources`);
  return found;
}

/** The unpacked content of a package, from an earlier run if there was one. */
function unpack(name: string): string {
  const folder = join(FOLDER, name);
  if (existsSync(folder)) return folder;
  const unfinished = join(FOLDER, `${name}.${process.pid}`);
  mkdirSync(unfinished, { recursive: true });
  try {
    demand('apt-get', ['download', '-q', name], unfinished);
    const archive = readdirSync(unfinished).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Missing(`apt-get download ${name} brought no package`);
    demand('dpkg-deb', ['-x', archive, 'root'], unfinished);
    renameSync(join(unfinished, 'root'), folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/**
 * @param mayInstall whether the emulator may be installed when it is missing
 * @throws Missing when something cannot be had
 */
export function findParts(mayInstall: boolean): Parts {
  const emulator = findEmulator(mayInstall);
  for (const command of ['apt-cache', 'apt-get', 'dpkg-deb']) {
    if (findOnPath(command) === undefined)
      throw new Missing(`${command} is not on the path: the guest's kernel is taken from a Debian package`);
  }
  const boot = join(unpack(kernelPackage()), 'boot');
  const kernel = readdirSync(boot).find((file) => file.startsWith('vmlinuz-'));
  if (kernel === undefined) throw new Missing(`no kernel in ${boot}`);
  return { emulator, kernel: join(boot, kernel), busybox: join(unpack(SHELL_PACKAGE), 'bin/busybox') };
}
