import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { resolve } from 'node:path';
import { NetmuxError } from '../../errors.js';
import { lockFile, requireProcessCalls } from '../../mux/process-calls.js';
import { pause } from '../pause.js';
import type { Belonging } from './belonging.js';
import { pathInside } from './chroot.js';
import { isAlive, startedAfter } from './other-process.js';

/** Not through a symbolic link: the file is written as root, often into a folder where others may write. Not waiting for a named pipe. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Narrowed by the umask, never widened: whoever may write it chooses whom the init script kills. */
const MODE = 0o644;

/** Somebody else's file may be large; ten digits are all that is looked for. */
const HEAD_BYTES = 64;

/** A previous owner may remove the file between our opening and locking it; it does so once. */
const MAX_ATTEMPTS = 10;

/** How long another process may hold the lock just to look whose file it is. */
const INSPECTION_MS = 200;
const INSPECTION_STEP_MS = 5;

/**
 * The file with the process id of a server. An advisory lock (flock) on it, held as long as the process lives, decides whose it is;
 * so a file that was left behind by a crash is never in the way, and of two servers that start at once one gets it.
 */
export class PidFile implements Belonging {
  readonly name: string;
  /** As it was called when the server started. */
  readonly path: string;
  #descriptor: number;
  /** In a chroot it is another one than in the name. */
  #path: string;

  private constructor(path: string, descriptor: number) {
    this.name = `pid_file "${path}"`;
    this.path = path;
    this.#path = path;
    this.#descriptor = descriptor;
  }

  /**
   * Locks the file, which is made if it does not exist; what is in it stays until `write`. Net::Server `check_pid_file`.
   *
   * @param warn hears that an old file will be overwritten, or is this process's own (after a restart)
   * @throws NetmuxError `NETMUX_PID_FILE`: a running process has it, or it is no pid file; the file is left alone. `NETMUX_NO_NATIVE`: there are no locks
   */
  static claim(path: string, warn: (text: string) => void): PidFile {
    const absolute = resolve(path);
    requireProcessCalls(); // or a file would be made that nobody can lock, and nobody would remove
    for (let attempt = 1; ; attempt += 1) {
      const descriptor = open(absolute);
      let keep = false;
      try {
        lock(descriptor, absolute);
        if (isAt(absolute, descriptor)) {
          examine(descriptor, absolute, warn);
          keep = true;
          return new PidFile(absolute, descriptor);
        }
        if (attempt === MAX_ATTEMPTS) throw refusal(`Couldn't lock pid_file "${absolute}": it is replaced all the time`);
      } finally {
        if (!keep) closeSync(descriptor);
      }
    }
  }

  /**
   * Whether `claim` would succeed at present, for a process that is going to start another one; the file is not made.
   * @throws NetmuxError `NETMUX_PID_FILE` as `claim`
   */
  static check(path: string): void {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) closeSync(PidFile.claim(path, () => {}).#descriptor);
  }

  /** @throws NetmuxError `NETMUX_PID_FILE` (full disk …) */
  write(pid = process.pid): void {
    const text = `${pid}\n`;
    try {
      // In this order nobody ever sees an empty file.
      writeSync(this.#descriptor, text, 0);
      ftruncateSync(this.#descriptor, text.length);
    } catch (cause) {
      throw refusal(`Couldn't write ${this.name} [${(cause as Error).message}]`, cause);
    }
  }

  /** @throws SystemError EPERM … */
  chown(uid: number, gid: number): void {
    fchownSync(this.#descriptor, uid, gid);
  }

  rootChanged(root: string): void {
    this.#path = pathInside(root, this.#path);
  }

  /**
   * Removes the file, if it is still ours, and gives up the lock. A second call does nothing.
   * @throws NetmuxError `NETMUX_PID_FILE` if that is not permitted (any more); then it is at least empty
   */
  remove(): void {
    if (this.#descriptor < 0) return;
    try {
      if (isAt(this.#path, this.#descriptor)) unlinkSync(this.#path);
    } catch (cause) {
      ftruncateSync(this.#descriptor, 0);
      throw refusal(`Couldn't unlink ${this.name} [${(cause as Error).message}]`, cause);
    } finally {
      closeSync(this.#descriptor);
      this.#descriptor = -1;
    }
  }
}

function refusal(message: string, cause?: unknown): NetmuxError {
  return new NetmuxError('NETMUX_PID_FILE', message, cause === undefined ? {} : { cause });
}

function running(pid: number): NetmuxError {
  return refusal(`Pid_file already exists for running process (${pid})... aborting`);
}

function open(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, FLAGS, MODE);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ELOOP' ? 'it is a symbolic link' : (cause as Error).message;
    throw refusal(`Couldn't open pid_file "${path}" [${reason}]`, cause);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw refusal(`Couldn't open pid_file "${path}" [it is not a regular file]`);
}

function lock(descriptor: number, path: string): void {
  for (let waited = 0; !lockFile(descriptor); waited += INSPECTION_STEP_MS) {
    const pid = pidIn(head(descriptor));
    if (pid !== undefined && pid !== process.pid) throw running(pid);
    // Ours, from before a restart, or none yet: somebody is just looking into the file, or starting, or it is another server of this process.
    if (waited >= INSPECTION_MS)
      throw pid === undefined ? refusal(`Pid_file "${path}" is locked by another process... aborting`) : running(pid);
    pause(INSPECTION_STEP_MS);
  }
}

/** Whether the path still leads to the open file. */
function isAt(path: string, descriptor: number): boolean {
  const found: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
  const own = fstatSync(descriptor);
  return found !== undefined && found.dev === own.dev && found.ino === own.ino;
}

/** The lock is ours; what is in the file may still be of a server that takes no lock, or no pid file at all. */
function examine(descriptor: number, path: string, warn: (text: string) => void): void {
  const text = head(descriptor);
  if (text === '') return;
  const pid = pidIn(text);
  if (pid === undefined) throw refusal(`Couldn't find pid in existent pid_file "${path}"`);
  if (pid === process.pid) {
    warn('Pid_file created by this same process. Doing nothing.');
    return;
  }
  if (isAlive(pid) && !startedAfter(pid, fstatSync(descriptor).mtimeMs)) throw running(pid);
  warn(`Pid_file "${path}" already exists.  Overwriting!`);
}

function head(descriptor: number): string {
  const bytes = Buffer.alloc(HEAD_BYTES);
  return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, HEAD_BYTES, 0));
}

function pidIn(text: string): number | undefined {
  const digits = /^\d{1,10}/.exec(text);
  return digits === null ? undefined : Number(digits[0]);
}
