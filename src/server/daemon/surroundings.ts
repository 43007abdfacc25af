import { NetmuxError } from '../../errors.js';

export interface Surroundings {
  /** The permissions that new files do not get. */
  readonly umask?: number | undefined;
  /** The working directory. */
  readonly chdir?: string | undefined;
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
    throw new NetmuxError('NETMUX_BAD_OPTION', `option chdir: ${(cause as Error).message}`, { cause });
  }
}
