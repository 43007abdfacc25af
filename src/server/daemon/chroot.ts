import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { NetmuxError } from '../../errors.js';
import { changeRoot } from '../../mux/process-calls.js';

/**
 * Makes a folder the root of the file system, and the working directory, which would otherwise be a way out of it. Names that the
 * program looks up later mean files inside: modules not yet imported, `/etc/resolv.conf`, time zones.
 *
 * @returns the folder's absolute path, as it was called outside
 * @throws NetmuxError `NETMUX_IDENTITY` if it is no folder, or chroot is not permitted
 */
export function enterRoot(path: string): string {
  const root = checkRoot(path);
  try {
    changeRoot(root);
    process.chdir('/');
  } catch (cause) {
    throw new NetmuxError('NETMUX_IDENTITY', `Couldn't chroot to "${path}": ${(cause as Error).message}`, { cause });
  }
  return root;
}

/**
 * @returns the absolute path of what is to become the root
 * @throws NetmuxError `NETMUX_IDENTITY` if it is no folder
 */
export function checkRoot(path: string): string {
  const root = resolve(path);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() === true) return root;
  throw new NetmuxError('NETMUX_IDENTITY', `Specified chroot "${path}" doesn't exist.`);
}

/**
 * What an absolute path of outside is called inside of `root`. One that lies outside keeps its name: a folder that is to be a root
 * often has the same structure.
 */
export function pathInside(root: string, path: string): string {
  const below = relative(root, path);
  return below === '..' || below.startsWith('../') ? path : `/${below}`;
}
