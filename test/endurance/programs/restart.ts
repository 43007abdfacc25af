import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Program } from '../program.js';
import type { ClientsPlan, Experience } from '../restart-clients.js';
import { RestartedProcess } from '../restarted-process.js';

/** Between two HUPs, unless a restart takes longer. */
const INTERVAL_MS = 2000;

/** How often it is looked whether descriptors are gone, and how long that may take. */
const LOOK_MS = 20;
const PATIENCE_MS = 60_000;

/** Of the short form; the long one takes a minute. */
const SHORT_RESTARTS = 3;
const LONG_SECONDS = 60;

/** How many losses are told one by one. */
const TOLD = 5;

class ClientThread {
  private readonly worker: Worker;

  constructor(plan: ClientsPlan) {
    this.worker = new Worker(new URL('../restart-clients.js', import.meta.url), { workerData: plan });
  }

  async stop(): Promise<Experience> {
    const answer = once(this.worker, 'message');
    this.worker.postMessage('stop');
    return (await answer)[0] as Experience;
  }

  terminate(): void {
    void this.worker.terminate();
  }
}

/** Restarts it again and again. @returns how often */
async function restartAll(server: RestartedProcess, hasEnough: (restarts: number) => boolean): Promise<number> {
  let restarts = 0;
  for (let next = performance.now() + INTERVAL_MS; !hasEnough(restarts); next = Math.max(next + INTERVAL_MS, performance.now())) {
    await sleep(Math.max(0, next - performance.now()));
    server.restart();
    const [image, pid] = await server.said('serving');
    restarts += 1;
    if (image !== restarts + 1) throw new Error(`image ${image} serves after ${restarts} restarts`);
    if (pid !== server.pid) throw new Error(`image ${image} is process ${pid}, not ${server.pid}`);
  }
  return restarts;
}

export const restart: Program = {
  name: 'restart',
  number: 'T35',
  shows:
    'a server that is restarted again and again refuses nobody, resets nobody, and answers whatever it has read; its process stays the same',

  async attack(trial) {
    const server = new RestartedProcess(trial.form.engine);
    const clients: ClientThread[] = [];
    try {
      const [, , port] = await server.said('serving');
      const descriptors = server.descriptors;
      const [newcomers, regulars] = trial.long ? [2000, 2000] : [500, 100];
      clients.push(new ClientThread({ port: port!, newcomers }), new ClientThread({ port: port!, regulars }));
      const end = performance.now() + 1000 * (trial.seconds ?? LONG_SECONDS);
      const isTimed = trial.long || trial.seconds !== undefined;
      const restarts = await restartAll(server, (count) => (isTimed ? performance.now() >= end : count === SHORT_RESTARTS));
      const [came, stayed] = (await Promise.all(clients.map((client) => client.stop()))) as [Experience, Experience];
      // A descriptor may linger behind its connection.
      const patience = performance.now() + PATIENCE_MS;
      while (server.descriptors > descriptors && performance.now() < patience) await sleep(LOOK_MS);
      const leaked = server.descriptors - descriptors;
      const read = await server.end();
      const losses = [...came.losses, ...stayed.losses];

      trial.figure(`${restarts} restarts in ${came.seconds.toFixed(0)} s, ${leaked} leaked descriptors`);
      trial.figure(`${came.answered} newcomers answered, ${Math.round(came.answered / came.seconds)} a second, ${losses.length} losses`);
      trial.figure(`p99 of their times ${came.p99.toFixed(0)} ms, the longest ${came.longest.toFixed(0)} ms`);
      trial.figure(
        `${regulars} regulars: ended ${stayed.ended} times, ${stayed.answered} answers, ${stayed.crossed} questions crossed with the end`,
      );
      for (const loss of losses.slice(0, TOLD)) trial.require(`all are served: ${loss}`, false);
      trial.require(
        `whatever was read is answered: ${read} questions, ${came.answered + stayed.answered} answers`,
        read === came.answered + stayed.answered,
      );
      trial.require('no loss', losses.length === 0);
      trial.require('regulars are ended by restarts, too', stayed.ended >= regulars!);
      trial.require('the descriptors are as many as before', leaked === 0);
    } finally {
      for (const client of clients) client.terminate();
      server.kill();
    }
  },
};
