import { writeSync } from 'node:fs';
import { pause } from '../pause.js';

/** Where lines go. Calls throw what went wrong; `ServerLog` decides what that means. */
export interface LogTarget {
  /** For messages about it: `log file /var/log/chat`, `syslog`. */
  readonly name: string;
  /** It adds time, severity and process id itself. */
  readonly stamps?: boolean;
  /** @param line without its end; only the classic format's may contain newlines */
  write(line: string, level: number): void;
  /** Takes a descriptor's place (2, for stderr), also after `reopen`. */
  takeOver?(descriptor: number): void;
  /** Opens the same name again, for log rotation. The old file stays in use if that fails. */
  reopen?(): void;
  /** Gives the file to the user and group that the server will run as. */
  chown?(uid: number, gid: number): void;
  /** The names of files mean something else from now on. */
  rootChanged?(root: string): void;
  close(): void;
}

/** A pipe that is full for so long belongs to a reader that has stopped: the line is given up, the server goes on. */
const PATIENCE_MS = 20;

/** Writes lines to a descriptor, each at once and as a whole. */
export class LineWriter {
  /** The last line was cut off (full disk, full pipe): the next one must not continue it. */
  #torn = false;

  /** @throws SystemError ENOSPC, EIO, EPIPE, EAGAIN (a pipe that nobody empties) … */
  write(descriptor: number, line: string): void {
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${line}\n`);
    let done = 0;
    try {
      for (let waited = 0; done < bytes.length; ) {
        try {
          done += writeSync(descriptor, bytes, done);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || waited >= PATIENCE_MS) throw error;
          pause(1);
          waited += 1;
        }
      }
    } finally {
      if (done > 0) this.#torn = done < bytes.length && bytes[done - 1] !== 0x0a;
    }
  }
}
