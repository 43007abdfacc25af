/**
 * System calls of a daemon's life that Node has no name for (its own are `process.setuid`, `setgid`, `setgroups`, `umask`
 * and `chdir`). They come from the addon, whichever engine moves the bytes: where it does not load, each of them throws
 * `NETMUX_NO_NATIVE` when it is called, not before.
 */
import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { NetmuxTypeError, systemError } from '../errors.js';
import { loadNativeAddon, type NativeAddon } from '../native/addon.js';
import { type Address, encodeAddress } from './address.js';

let addon: NativeAddon | undefined;

function calls(): NativeAddon {
  addon ??= loadNativeAddon();
  return addon;
}

/**
 * Whether there are such calls at all, asked before something is begun that needs them.
 * @throws NetmuxError `NETMUX_NO_NATIVE`
 */
export function requireProcessCalls(): void {
  calls();
}

function succeeded(result: number, syscall: string, address?: string): number {
  if (result < 0) throw systemError(result, syscall, address === undefined ? {} : { address });
  return result;
}

/** C ends a text at its first NUL, and would see another name than the one that was checked. */
function whole(text: string): string {
  if (text.includes('\0')) throw new NetmuxTypeError(`a NUL in ${JSON.stringify(text)}`);
  return text;
}

function ofTheWholeProcess(syscall: string): void {
  if (!isMainThread) throw new NetmuxTypeError(`${syscall} concerns the whole process: call it in the main thread`);
}

/**
 * Makes `path` the root directory (chroot(2)). The working directory stays outside until `process.chdir('/')`.
 * @throws SystemError EPERM, ENOENT, ENOTDIR …
 */
export function changeRoot(path: string): void {
  ofTheWholeProcess('chroot');
  succeeded(calls().changeRoot(whole(path)), 'chroot', path);
}

/**
 * Replaces the program of this process (execve(2)); the process id stays, and so do descriptors that `setCloseOnExec` excepted.
 * Nothing of this program runs any more, no `exit` listener either. SIGHUP and SIGUSR1 are ignored until the new program
 * decides about them; SIGTERM, SIGINT and SIGQUIT end the process meanwhile, so that none of them gets lost.
 *
 * @param args all of them: the first is the name that the program sees as its own
 * @throws SystemError ENOENT, EACCES, ENOEXEC, E2BIG …; then all is as it was
 */
export function replaceProcess(file: string, args: readonly string[], environment: Readonly<NodeJS.ProcessEnv>): never {
  ofTheWholeProcess('execve');
  const variables = Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [whole(`${name}=${value}`)]));
  throw systemError(calls().replaceProcess(whole(file), args.map(whole), variables), 'execve', { address: file });
}

/**
 * Locks an open file for its descriptor and all copies of it, without waiting (flock(2)). The lock ends with the last of them.
 * @returns false if another open file of the same name holds it
 */
export function lockFile(descriptor: number): boolean {
  const result = calls().lockFile(descriptor);
  if (result === -constants.errno.EWOULDBLOCK) return false;
  succeeded(result, 'flock');
  return true;
}

/** Whether a descriptor is closed when the program is replaced. Node opens all of its own so. */
export function setCloseOnExec(descriptor: number, on: boolean): void {
  succeeded(calls().setCloseOnExec(descriptor, on), 'fcntl', `descriptor ${descriptor}`);
}

/** @returns a second descriptor of the same open file, close-on-exec and above the standard ones */
export function duplicate(descriptor: number): number {
  return succeeded(calls().duplicate(descriptor), 'dup', `descriptor ${descriptor}`);
}

/** Makes `target` another name of the open file `descriptor` (dup2(2)). It stays open when the program is replaced. */
export function redirect(descriptor: number, target: number): void {
  succeeded(calls().redirect(descriptor, target), 'dup2', `descriptor ${target}`);
}

/**
 * Opens a datagram socket for sending to one address: UDP, a UNIX path, or an abstract name (after a NUL). `fs.writeSync` sends one
 * datagram, without waiting (EAGAIN); `fs.closeSync` closes it. It reaches its peer also after `changeRoot`.
 *
 * @throws SystemError ENOENT, ECONNREFUSED (nobody serves the path) …
 */
export function openDatagram(address: Address): number {
  const name = address.family === 'unix' ? address.path.replace(/^\0/, '@') : `${address.host}:${address.port}`;
  return succeeded(calls().openDatagram(encodeAddress(address)), 'connect', name);
}

/** @returns undefined if the system knows no user of that name */
export function findUser(name: string): { uid: number; gid: number } | undefined {
  const found = calls().findUser(whole(name));
  if (Array.isArray(found)) return { uid: found[0], gid: found[1] };
  if (found === -constants.errno.ENOENT) return undefined;
  throw systemError(found, 'getpwnam', { address: name });
}

/** @returns its number; undefined if the system knows no group of that name */
export function findGroup(name: string): number | undefined {
  const found = calls().findGroup(whole(name));
  return found === -constants.errno.ENOENT ? undefined : succeeded(found, 'getgrnam', name);
}
