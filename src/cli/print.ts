import { FAILED } from './failure.js';

/** Writes what the command was asked for. A reader that has gone, as `head` goes, has seen enough; else it is told in a line. */
export function print(text: string): void {
  process.stdout.once('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') return;
    process.stderr.write(`netmux: standard output: ${message}\n`);
    process.exitCode = FAILED;
  });
  process.stdout.write(text);
}
