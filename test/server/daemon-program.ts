import { type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';

/** For what only root may do. */
export const isRoot = process.getuid!() === 0;

/** The numbers of nobody and its group, which may differ from system to system. */
export const NOBODY = 65_534;

/** Where `programs/NAME.mjs` is, and the environment it needs. */
export function daemonCommand(name: string, args: readonly string[] = []): [string, ...string[]] {
  return [process.execPath, fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url)), ...args];
}

export function daemonEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return programEnvironment('native', extra);
}

/** Starts `programs/NAME.mjs`. It finds the modules of the server beside `NETMUX_LIBRARY`. */
export function startDaemonProgram(name: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProgram {
  const [command, ...words] = daemonCommand(name, args);
  return new ChildProgram(spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], ...options, env: daemonEnvironment(options.env) }));
}
