import { accessSync, constants, statSync } from 'node:fs';
import { NetmuxError } from '../../errors.js';

export interface Surroundings {
  /** The permissions that new files do not get. */
  readonly umask?: number | undefined;
  /** The working directory. */
  readonly chdir?: string | undefined;
}

/**
 * Whether a folder could be the working directory.
 * @throws NetmuxError `NETMUX_BAD_OPTION`
 */
export function checkFolder(folder: string): void {
  try {
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is no folder`);
    accessSync(folder, constants.X_OK);
  } catch (cause) {
    throw refusal(cause);
  }
}

/**
 * Sets the umask and the working directory of the process.
 * @throws NetmuxError `NETMUX_BAD_OPTION`
 */
export function setSurroundings({ umask, chdir }: Surroundings): void {
  if (umask !== undefined) process.umask(umask);
  if (chdir === undefined) return;
  try {
    process.chdir(chdir);
  } catch (cause) {
    throw refusal(cause);
  }
}

function refusal(cause: unknown): NetmuxError {
  return new NetmuxError('NETMUX_BAD_OPTION', `option chdir: ${(cause as Error).message}`, { cause });
}
