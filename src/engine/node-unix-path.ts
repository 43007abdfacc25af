import { existsSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { NetmuxError, systemError } from '../errors.js';

/** Whether somebody listens at a UNIX path. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // A full backlog (EAGAIN) or a forbidden socket belongs to somebody; only these two say that nobody is there.
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

/**
 * Makes way for a listener at `path`, where something is already: a socket nobody listens on is removed.
 *
 * @throws NetmuxError `NETMUX_PATH_IN_USE` if it is something else than a socket
 * @throws SystemError EADDRINUSE if somebody listens on it
 */
export async function clearPath(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new NetmuxError('NETMUX_PATH_IN_USE', `${path} exists and is not a socket`);
  if (await isAlive(path)) throw systemError(constants.errno.EADDRINUSE, 'listen', { address: path });
  unlinkSync(path);
}

/** Which file is at a path; the answer tells one socket from the next in its place. Undefined: none that can be reached, or an abstract name. */
export function fileAt(path: string): string | undefined {
  if (path.startsWith('\0')) return undefined;
  try {
    const found = lstatSync(path);
    return `${found.dev}:${found.ino}`;
  } catch {
    return undefined;
  }
}

/**
 * Closes a listener at `path`, and its file with it. libuv unlinks the path, whosever it is by now: another's file stays.
 *
 * @param own what `fileAt` said when it was bound
 */
export function closeKeepingOthers(path: string, own: string | undefined, close: () => void): void {
  const now = fileAt(path);
  if (now === undefined || now === own) close();
  else closeKeepingFile(path, close);
}

/** Closes a listener at `path`. libuv unlinks the path then: the file is kept aside meanwhile. */
export function closeKeepingFile(path: string, close: () => void): void {
  if (path.startsWith('\0')) {
    close();
    return;
  }
  const aside = `${path}.netmux-${process.pid}`;
  try {
    linkSync(path, aside);
  } catch {
    // No hard links on this file system, or not for us: the file cannot be saved, the listener has to go all the same.
    close();
    return;
  }
  close();
  try {
    renameSync(aside, path);
  } catch {
    // The directory has gone meanwhile, or was replaced: what was kept aside lies where its owner has taken it.
  }
}

/** libuv calls a missing directory EACCES; this gives the error the name that the kernel gave it. */
export function pathError(error: NodeJS.ErrnoException, path: string): Error {
  if (error.code !== 'EACCES' || existsSync(dirname(path))) return error;
  return systemError(constants.errno.ENOENT, 'listen', { address: path });
}
