import { closeSync, constants, fchownSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { redirect } from '../../mux/process-calls.js';
import { pathInside } from '../daemon/chroot.js';
import { LineWriter, type LogTarget } from './target.js';

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
   * @throws SystemError EACCES, EISDIR, ENOENT (no such directory), ENXIO (a named pipe nobody reads) …
   */
  constructor(path: string) {
    this.#path = resolve(path);
    this.name = `log file ${this.#path}`;
    this.#descriptor = openSync(this.#path, FLAGS, MODE);
  }

  write(line: string): void {
    this.#writer.write(this.#descriptor, line);
  }

  takeOver(descriptor: number): void {
    redirect(this.#descriptor, descriptor);
    this.#taken = descriptor;
  }

  reopen(): void {
    const fresh = openSync(this.#path, FLAGS, MODE);
    if (this.#taken !== undefined) redirect(fresh, this.#taken);
    closeSync(this.#descriptor);
    this.#descriptor = fresh;
  }

  chown(uid: number, gid: number): void {
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
