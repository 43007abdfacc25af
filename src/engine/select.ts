import { NetmuxError, NetmuxTypeError } from '../errors.js';
import type { Engine, EngineName, EngineObject } from './engine.js';
import { createNativeEngine } from './native-engine.js';
import { NodeEngine } from './node-engine.js';

/** What a user may ask for. */
export type EngineWish = 'auto' | 'native' | 'node' | EngineObject;

/** Whether a value is an engine. */
export function isEngine(value: unknown): value is Engine {
  return typeof value === 'object' && value !== null && 'attach' in value && 'ring' in value;
}

const VARIABLE = 'NETMUX_ENGINE';

/** The engines of this environment (a process's main thread or a worker): one of each kind, shared by all multiplexers. */
const engines: Partial<Record<EngineName, Engine>> = {};

/** Why there is no native engine here. It is looked for, and its absence told of, once. */
let absence: NetmuxError | undefined;

/**
 * The engine for a multiplexer. `auto` is what the environment variable NETMUX_ENGINE says, and without it the native
 * engine, or the one over Node's own sockets where the native one does not load.
 *
 * @param warn gets one line, the first time that `auto` falls back
 * @throws NetmuxError `NETMUX_NO_NATIVE` if the native engine was asked for by name and does not load; says which files were tried, and why not
 * @throws NetmuxTypeError if NETMUX_ENGINE has another value than `native`, `node` or `auto`
 */
export function selectEngine(wish: EngineWish, warn: (line: string) => void): Engine {
  if (typeof wish === 'object') return wish as Engine;
  const name = wish === 'auto' ? wishOfEnvironment() : wish;
  if (name === 'node') return nodeEngine();
  if (name === 'native') return nativeEngine();
  const known = absence !== undefined;
  try {
    return nativeEngine();
  } catch (error) {
    if (!(error instanceof NetmuxError) || error.code !== 'NETMUX_NO_NATIVE') throw error;
    if (!known) warn(`netmux: using the pure-Node engine, which is slower: ${error.message.replaceAll(/\s*\n\s*/g, '; ')}`);
    return nodeEngine();
  }
}

function wishOfEnvironment(): Exclude<EngineWish, EngineObject> {
  const value = process.env[VARIABLE];
  switch (value) {
    case undefined:
    case '':
    case 'auto':
      return 'auto';
    case 'native':
    case 'node':
      return value;
    default:
      throw new NetmuxTypeError(`${VARIABLE} is 'native', 'node' or 'auto', not '${value}'`);
  }
}

function nodeEngine(): Engine {
  engines.node ??= new NodeEngine();
  return engines.node;
}

function nativeEngine(): Engine {
  if (absence !== undefined) throw absence;
  try {
    engines.native ??= createNativeEngine();
  } catch (error) {
    if (error instanceof NetmuxError && error.code === 'NETMUX_NO_NATIVE') absence = error;
    throw error;
  }
  return engines.native;
}
