import { lstatSync, unlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Handle } from './handle.js';

/** A socket file that was bound here, as it was then. */
interface BoundPath {
  path: string;
  readonly device: number;
  readonly inode: number;
}

/**
 * The files of UNIX sockets that listen. Each is unlinked when its listener is closed or the process exits, unless
 * somebody else has put another socket in its place.
 */
export class BoundPaths {
  readonly #bound = new Map<Handle, BoundPath>();

  /** Takes note of a file that was just bound. Abstract names leave nothing behind. */
  add(handle: Handle, path: string): void {
    if (path.startsWith('\0')) return;
    const absolute = resolve(path); // the working directory may change
    try {
      const bound = lstatSync(absolute);
      this.#bound.set(handle, { path: absolute, device: bound.dev, inode: bound.ino });
    } catch {
      // Gone or out of reach already: the socket is bound all the same, and there is nothing that could be unlinked later.
    }
  }

  remove(handle: Handle): void {
    const bound = this.#bound.get(handle);
    if (bound === undefined) return;
    this.#bound.delete(handle);
    try {
      const now = lstatSync(bound.path);
      if (now.dev === bound.device && now.ino === bound.inode) unlinkSync(bound.path);
    } catch {
      // It is gone already, or out of reach by now (chroot, permissions): either way nothing is left to be done.
    }
  }

  /** Leaves the file alone: its socket lives on elsewhere. */
  forget(handle: Handle): void {
    this.#bound.delete(handle);
  }

  /** The files have other names from now on: the root of the file system is another. */
  rename(renamed: (path: string) => string): void {
    for (const bound of this.#bound.values()) bound.path = renamed(bound.path);
  }

  removeAll(): void {
    for (const handle of this.#bound.keys()) this.remove(handle);
  }
}
