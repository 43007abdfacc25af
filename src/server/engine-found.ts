import { NetmuxError } from '../errors.js';
import { Mux } from '../mux/mux.js';

/** The engine that servers get on this machine. */
export interface EngineFound {
  readonly name: 'native' | 'node';
  /** Connections, listeners and other descriptors together. */
  readonly maxHandles: number;
  /** Why it is not the native one, in one line; undefined if it is, or if NETMUX_ENGINE says so. */
  readonly failure?: string;
}

/** @throws NetmuxTypeError if NETMUX_ENGINE has no engine's name */
export function findEngine(): EngineFound {
  try {
    return found(new Mux({ warn: () => {} }), nativeFailure());
  } catch (error) {
    if (!(error instanceof NetmuxError)) throw error;
    return found(new Mux({ engine: 'node' }), oneLine(error)); // NETMUX_ENGINE=native, which servers refuse to do without
  }
}

function found({ engine, dispatcher }: Mux, failure: string | undefined): EngineFound {
  const name = engine as EngineFound['name']; // that of tests is given, never found
  return { name, maxHandles: dispatcher.slots.memory.maxHandles, ...(name === 'node' && failure !== undefined && { failure }) };
}

function nativeFailure(): string | undefined {
  try {
    new Mux({ engine: 'native' });
    return undefined;
  } catch (error) {
    return oneLine(error as Error);
  }
}

function oneLine({ message }: Error): string {
  return message.replaceAll(/\s*\n\s*/g, '; ');
}
