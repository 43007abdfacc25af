import { writeSync } from 'node:fs';
import { pause } from '../pause.js';

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
