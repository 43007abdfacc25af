import { type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestedEngine } from '../engines.js';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';

/** Starts `programs/NAME.mjs`, which finds the library by `NETMUX_LIBRARY`. */
export function startProgram(engine: TestedEngine, name: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProgram {
  const path = fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
  return new ChildProgram(
    spawn(process.execPath, [path, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
      env: programEnvironment(engine, options.env),
    }),
  );
}
