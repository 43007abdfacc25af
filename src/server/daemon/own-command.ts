import { accessSync, constants, existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { NetmuxError } from '../../errors.js';

/** Node finds `server` where there is only `server.js`; it may also be a folder. */
const SCRIPT_ENDINGS = ['', '.js'];

/** Where the handler of a restarted program's first moments is found. */
const EARLY_HUP = 'netmux.earlyHup';

/**
 * Node gives an inherited "ignore" up when it starts, and unblocks what was blocked: until somebody listens, HUP would end the program.
 * Loaded before all else this leaves a few hundredths of a second, Node's own.
 */
const LISTEN_EARLY = `--import=data:text/javascript,${encodeURIComponent(
  `process.on('SIGHUP', globalThis[Symbol.for('${EARLY_HUP}')] = function early() { early.came = true; });`,
)}`;

/** Files of the program beside the script. */
const neededFiles: string[] = [];

/** Names a file without which the command cannot be executed again. @param path absolute */
export function needFile(path: string): void {
  neededFiles.push(path);
}

/** The command that started this process, to start it again: Node with its own flags, the program, its arguments. */
export function ownCommand(): [program: string, ...args: string[]] {
  return [process.execPath, ...process.execArgv.filter((flag) => flag !== LISTEN_EARLY), ...process.argv.slice(1)];
}

/** The same for a restart: HUP is listened to at once. */
export function restartCommand([program, ...args]: readonly [string, ...string[]]): [program: string, ...args: string[]] {
  return [program, LISTEN_EARLY, ...args];
}

/** The server answers HUP itself from now on. @returns whether one came before, so that the configuration may have changed since it was read */
export function takeOverHup(): boolean {
  const holder = globalThis as unknown as Record<symbol, ((() => void) & { came?: true }) | undefined>;
  const early = holder[Symbol.for(EARLY_HUP)];
  if (early === undefined) return false;
  holder[Symbol.for(EARLY_HUP)] = undefined;
  process.off('SIGHUP', early);
  const at = process.execArgv.indexOf(LISTEN_EARLY);
  if (at >= 0) process.execArgv.splice(at, 1); // children that are forked get these flags
  return early.came === true;
}

/**
 * Whether that command can still be executed.
 * @throws NetmuxError `NETMUX_NOT_STARTED`
 */
export function checkOwnCommand(): void {
  try {
    accessSync(process.execPath, constants.X_OK);
  } catch (cause) {
    throw new NetmuxError('NETMUX_NOT_STARTED', `node cannot be executed again: ${(cause as Error).message}`, { cause });
  }
  const missing = neededFiles.find((file) => !existsSync(file));
  if (missing !== undefined) throw new NetmuxError('NETMUX_NOT_STARTED', `the program is not there any more: ${missing}`);
  const script = process.argv[1];
  // A program without a script (`--eval`) has nothing that could be missing.
  if (script === undefined || !isAbsolute(script) || SCRIPT_ENDINGS.some((ending) => existsSync(script + ending))) return;
  throw new NetmuxError('NETMUX_NOT_STARTED', `the program is not there any more: ${script}`);
}
