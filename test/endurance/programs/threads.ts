import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { closed, each, exchange, openSocket } from '../clients.js';
import type { Program } from '../program.js';

const THREAD = new URL('../server-thread.js', import.meta.url);

const TOGETHER = 4;

/** Those that come first leave behind what the process keeps: its pool of threads, its own pipes. */
const WARM_UP = 8;

/** From outside, from inside, in order: with a client connected and a timer set. */
const WAYS = ['terminate', 'exit', 'endLoop'] as const;

const PATIENCE_MS = 10_000;
const LOOK_MS = 20;

const descriptors = (): number => readdirSync('/proc/self/fd').length;

export const threads: Program = {
  name: 'threads',
  number: 'T39',
  shows:
    'a thread with a live server can be ended at any time, from outside and from inside, a thousand times: nothing crashes, nothing is left',

  async attack(trial) {
    const count = trial.long ? 1000 : 12;
    let served = 0;
    let ended = 0;
    const play = async (index: number): Promise<void> => {
      const worker = new Worker(THREAD, { workerData: { engine: trial.form.engine } });
      const [port] = (await once(worker, 'message')) as [number];
      const socket = openSocket(port);
      if (await exchange(socket, Buffer.from(`thread ${index}\n`))) served += 1;
      const way = WAYS[index % WAYS.length]!;
      const exit = once(worker, 'exit');
      if (way === 'terminate') void worker.terminate();
      else worker.postMessage(way);
      await exit;
      ended += 1;
      socket.destroy();
      await closed(socket);
    };
    await each(WARM_UP, TOGETHER, play);
    const before = descriptors();
    await each(count, TOGETHER, play);
    // A descriptor may linger behind its thread.
    for (const deadline = performance.now() + PATIENCE_MS; descriptors() > before && performance.now() < deadline; ) await sleep(LOOK_MS);
    const leaked = descriptors() - before;

    trial.figure(
      `${count} threads, ended in ${WAYS.length} ways: ${served - WARM_UP} served, ${ended - WARM_UP} ended, ${leaked} descriptors leaked`,
    );
    trial.require('each has served', served === count + WARM_UP);
    trial.require('each has ended', ended === count + WARM_UP);
    trial.require('the descriptors are as many as before', leaked <= 0);
  },
};
