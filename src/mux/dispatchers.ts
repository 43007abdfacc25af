import type { Engine } from '../engine/engine.js';
import { Dispatcher } from './dispatcher.js';

const dispatchers = new WeakMap<Engine, Dispatcher>();

/** Those that owe something to the system when the process exits. */
const indebted: Dispatcher[] = [];

/** The one dispatcher of an engine. */
export function dispatcherOf(engine: Engine): Dispatcher {
  let dispatcher = dispatchers.get(engine);
  if (dispatcher === undefined) {
    dispatcher = new Dispatcher(engine);
    dispatchers.set(engine, dispatcher);
    if (engine.name !== 'memory') indebt(dispatcher); // there is one of those for each test, and it goes with it
  }
  return dispatcher;
}

function indebt(dispatcher: Dispatcher): void {
  if (indebted.length === 0) process.on('exit', settleDebts);
  indebted.push(dispatcher);
}

/** What is owed when the process exits without `endLoop`: what was written a moment ago, and the files of sockets. */
function settleDebts(): void {
  for (const { engine, paths } of indebted) {
    engine.ring.encode();
    engine.drain(); // also works where a callback has called process.exit()
    paths.removeAll();
  }
}
