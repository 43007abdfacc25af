import type { Engine } from '../engine/engine.js';
import { Dispatcher } from './dispatcher.js';

const dispatchers = new Map<Engine, Dispatcher>();

/** The one dispatcher of an engine. */
export function dispatcherOf(engine: Engine): Dispatcher {
  let dispatcher = dispatchers.get(engine);
  if (dispatcher === undefined) {
    dispatcher = new Dispatcher(engine);
    if (dispatchers.size === 0) process.on('exit', settleDebts);
    dispatchers.set(engine, dispatcher);
  }
  return dispatcher;
}

/** What is owed when the process exits without `endLoop`: what was written a moment ago, and the files of sockets. */
function settleDebts(): void {
  for (const { engine, paths } of dispatchers.values()) {
    engine.drain(); // also works where a callback has called process.exit()
    paths.removeAll();
  }
}
