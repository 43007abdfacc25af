/** What a server holds when it has done what it puts off. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isNode, type Launch } from './contestants.js';
import { type Memory, readMemory } from './process-figures.js';
import type { Bench } from './scenario.js';
import type { Command, ServerProcess } from './server-process.js';

/** Time for a server to do what it puts off, such as collecting garbage on another thread. */
const SETTLE_MS = 1000;
const QUICK_SETTLE_MS = 50;

export function settle(bench: Bench): Promise<void> {
  return sleep(bench.options.quick ? QUICK_SETTLE_MS : SETTLE_MS);
}

/**
 * Garbage is nothing that a connection holds, and how much of it there is depends on how fast the machine is. Node collects it when it is
 * told to; the other runtimes cannot be told from outside, and are read as they are.
 */
const COLLECT_ON_SIGNAL = ['--expose-gc', '--import=data:text/javascript,process.on("SIGUSR2",()=>globalThis.gc())'];

/** What makes a server collect when `settledMemory` tells it to. */
export function withCollector(launch: Launch): ((command: Command) => Command) | undefined {
  if (!isNode(launch)) return undefined;
  return (command) => ({ ...command, args: [...COLLECT_ON_SIGNAL, ...command.args] });
}

/** The memory of a server that was started `withCollector`, without garbage. */
export async function settledMemory(bench: Bench, launch: Launch, server: ServerProcess): Promise<Memory> {
  // Twice: what only a finalizer lets go of is free in the second one.
  for (let i = 0; i < 2; i++) {
    if (isNode(launch)) process.kill(server.pid, 'SIGUSR2');
    await settle(bench);
  }
  return readMemory(server.pid);
}
