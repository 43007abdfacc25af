import { accessSync, constants, existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { NetmuxError } from '../../errors.js';

/** As it was when this program was loaded: what reads its arguments may take them out. */
const OWN_COMMAND: [program: string, ...args: string[]] = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
const SCRIPT = process.argv[1];

/** The command that started this process, to start it again: Node with its own flags, the program, its arguments. */
export function ownCommand(): [program: string, ...args: string[]] {
  return [...OWN_COMMAND];
}

/** Node finds `server` where there is only `server.js`; it may also be a folder. */
const SCRIPT_ENDINGS = ['', '.js', '.json', '.node'];

/**
 * Whether the command can still be executed.
 * @throws NetmuxError `NETMUX_NOT_STARTED`
 */
export function checkOwnCommand(): void {
  try {
    accessSync(process.execPath, constants.X_OK);
  } catch (cause) {
    throw new NetmuxError('NETMUX_NOT_STARTED', `node cannot be executed again: ${(cause as Error).message}`, { cause });
  }
  // A program without a script (`--eval`) has nothing that could be missing.
  if (SCRIPT === undefined || !isAbsolute(SCRIPT) || SCRIPT_ENDINGS.some((ending) => existsSync(SCRIPT + ending))) return;
  throw new NetmuxError('NETMUX_NOT_STARTED', `the program is not there any more: ${SCRIPT}`);
}
