import { type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { engines, type TestedEngine } from '../engines.js';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';

/** The path of `modules/NAME`. */
export function modulePath(name: string): string {
  return fileURLToPath(new URL(`./modules/${name}`, import.meta.url));
}

/** Starts the `netmux` command, as its sources are now, on the first engine that is tested here. */
export function startCommand(words: readonly string[], options: SpawnOptions = {}, engine: TestedEngine = engines[0]!): ChildProgram {
  const environment = programEnvironment(engine, options.env);
  const command = fileURLToPath(new URL('cli/netmux.js', environment.NETMUX_LIBRARY));
  return new ChildProgram(
    spawn(process.execPath, [command, ...words], { stdio: ['ignore', 'pipe', 'pipe'], ...options, env: environment }),
  );
}
