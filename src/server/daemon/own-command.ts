import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { NetmuxError } from '../../errors.js';

/** As it was when this program was loaded: what reads its arguments may take them out. */
const OWN_COMMAND: [program: string, ...args: string[]] = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
const SCRIPT = process.argv[1];

/** The command that started this process, to start it again: Node with its own flags, the program, its arguments. */
export function ownCommand(): [program: string, ...args: string[]] {
  return [...OWN_COMMAND];
}

/**
 * Whether the command can still be executed.
 * @throws NetmuxError `NETMUX_NOT_STARTED`
 */
export function checkOwnCommand(): void {
  try {
    accessSync(process.execPath, constants.X_OK);
    // Node finds `server` as well as `server.js`. A program without a script (`--eval`) has nothing that could be missing.
    if (SCRIPT !== undefined && isAbsolute(SCRIPT)) accessSync(createRequire(SCRIPT).resolve(SCRIPT), constants.R_OK);
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    throw new NetmuxError('NETMUX_NOT_STARTED', `the program cannot be executed again: ${reason}`, { cause });
  }
}
