import { once } from 'node:events';
import type { Socket } from 'node:net';
import { closed, openMany } from '../clients.js';
import type { Form, Program } from '../program.js';
import { RestartedProcess } from '../restarted-process.js';

/** Connections that the server closes a second, once it ends. */
const RATE = 1000;

const WINDOW_MS = 100;

/** So slow that it would take minutes, unless it is told again. */
const SLOW_RATE = 2;

/** Connections that have been answered: what still lies in the accept queue when a listener is closed is reset by the kernel. */
async function openServed(port: number, count: number): Promise<Socket[]> {
  const sockets = await openMany(port, count);
  await Promise.all(
    sockets.map((socket) => {
      socket.write('hello\n');
      return once(socket, 'data');
    }),
  );
  return sockets;
}

/** The most times that lie within a window. */
function mostTogether(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, time] of sorted.entries()) {
    while (time - sorted[first]! >= WINDOW_MS) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** TERM, and once more when the first connection has been closed. @returns the seconds from the second one to the end */
async function endTwice(engine: Form['engine']): Promise<number> {
  const server = new RestartedProcess(engine, { DRAIN_RATE: String(SLOW_RATE) });
  try {
    const [, , port] = await server.said('serving');
    const sockets = await openServed(port!, 50 * SLOW_RATE);
    server.terminate();
    await Promise.race(sockets.map((socket) => closed(socket.resume())));
    const begun = performance.now();
    await server.end();
    return (performance.now() - begun) / 1000;
  } finally {
    server.kill();
  }
}

export const drain: Program = {
  name: 'drain',
  number: 'T38',
  shows: 'TERM ends a server at the pace that it was given, and with 0; whom it closes gets an end, not a reset; a second TERM ends it now',

  async attack(trial) {
    const count = trial.long ? 5000 : 300;
    const server = new RestartedProcess(trial.form.engine, { DRAIN_RATE: String(RATE) });
    try {
      const [, , port] = await server.said('serving');
      const sockets = await openServed(port!, count);
      const times: number[] = [];
      let resets = 0;
      const endings = sockets.map(async (socket) => {
        socket.on('error', () => {
          resets += 1;
        });
        await closed(socket.resume());
        times.push(performance.now());
      });
      const begun = performance.now();
      await server.end();
      const took = (performance.now() - begun) / 1000;
      await Promise.all(endings);
      const most = mostTogether(times);
      const again = await endTwice(trial.form.engine);

      trial.figure(`${count} connections closed in ${took.toFixed(1)} s, at most ${most} within ${WINDOW_MS} ms, ${resets} resets`);
      trial.figure(`told twice, it ends after ${again.toFixed(1)} s`);
      trial.require('nobody is reset', resets === 0);
      trial.require('not all at once', took >= (0.9 * count) / RATE);
      trial.require('a second TERM is not paced', again < 20);
      trial.requireWhenQuiet(`at most 150 within ${WINDOW_MS} ms`, most <= 150);
      trial.requireWhenQuiet('it has ended within a second of the last one', took <= count / RATE + 1);
    } finally {
      server.kill();
    }
  },
};
