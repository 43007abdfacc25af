import { closeSync, constants, fchownSync, fstatSync, lstatSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { redirect } from '../../mux/process-calls.js';
import { pathInside } from '../daemon/chroot.js';
import { LineWriter } from './line-writer.js';
import type { LogTarget } from './target.js';

/**
 * Append: lines of several processes do not overwrite each other. Non-blocking: a named pipe without a reader is an error (ENXIO),
 * not a server that never starts. A terminal does not become ours.
 */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Narrowed by the umask. */
const MODE = 0o666;

/** A log file. Each line is in the file (in the kernel's hands) when `write` returns. */
export class FileTarget implements LogTarget {
  readonly name: string;
  #path: string;
  #descriptor: number;
  /** The descriptor whose place was taken. */
  #taken: number | undefined;
  readonly #writer = new LineWriter();

  /**
   * @param path relative to the present working directory, also when that changes
   * @throws SystemError EACCES, EISDIR, ENOENT (no such directory), ENXIO (a named pipe nobody reads) …; Error for somebody else's link
   */
  constructor(path: string) {
    this.#path = resolve(path);
    this.name = `log file ${this.#path}`;
    this.#descriptor = open(this.#path);
  }

  write(line: string): void {
    this.#writer.write(this.#descriptor, line);
  }

  takeOver(descriptor: number): void {
    redirect(this.#descriptor, descriptor);
    this.#taken = descriptor;
  }

  reopen(): void {
    const fresh = open(this.#path);
    if (this.#taken !== undefined) redirect(fresh, this.#taken);
    closeSync(this.#descriptor);
    this.#descriptor = fresh;
  }

  /** @throws Error where the name does not lead to the open file alone: it would be somebody else's that is given away */
  chown(uid: number, gid: number): void {
    const [named, opened] = [lstatSync(this.#path), fstatSync(this.#descriptor)];
    const isSame = named.isSymbolicLink() || (named.dev === opened.dev && named.ino === opened.ino);
    if (!isSame || (opened.isFile() && opened.nlink > 1)) throw new Error('the file has another name, too, or was replaced');
    fchownSync(this.#descriptor, uid, gid);
  }

  rootChanged(root: string): void {
    this.#path = pathInside(root, this.#path);
  }

  close(): void {
    if (this.#descriptor < 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/**
 * A link that somebody else has put into the log's folder would lead root to any file, to write in it and to give it away. One of
 * root's own is followed: it says where the logs of this machine are.
 */
function open(path: string): number {
  if (process.geteuid?.() !== 0) return openSync(path, FLAGS, MODE);
  try {
    return openSync(path, FLAGS | constants.O_NOFOLLOW, MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    if (lstatSync(path).uid !== 0) throw new Error(`'${path}' is a symbolic link that does not belong to root`, { cause: error });
    return openSync(path, FLAGS, MODE);
  }
}
