import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { each, exchange, openMany } from '../clients.js';
import { echoing, type Program } from '../program.js';

const MESSAGE = Buffer.alloc(64, 'i');
const TOGETHER = 64;

/** Those that come first cause what is no connection's: compiled code, pages of the program that are read in. */
const FIRST = 500;

/** On the pure-Node engine a connection has a socket of Node's, which is not ours to make smaller. */
const MOST_BYTES = { native: 500, node: 5_000 };

const MOST_BUSY = 0.005;

export const idle: Program = {
  name: 'idle',
  number: 'T04',
  shows: 'connections that have spoken once and are silent now cost their place in memory, no processor, and no wake-up',

  server: (notes) => ({ callbacks: echoing(notes) }),

  async attack(trial) {
    const count = trial.long ? 15_000 : 500;
    let lost = 0;
    const speak = async (sockets: readonly Socket[]): Promise<void> => {
      await each(sockets.length, TOGETHER, async (index) => {
        if (!(await exchange(sockets[index]!, MESSAGE))) lost += 1;
      });
    };
    const first = await openMany(trial.port, FIRST);
    await speak(first);
    for (const socket of first) socket.end();
    await trial.server.until(({ stats }) => stats.handles === 0);
    const before = await trial.server.settledMemory();
    const sockets = await openMany(trial.port, count);
    await speak(sockets);
    const bytes = ((await trial.server.settledMemory()).all - before.all) / count;

    const { turns } = (await trial.server.report()).stats.engine;
    const seconds = trial.long ? 10 : 1;
    const busy = await trial.server.busyDuring(() => sleep(1000 * seconds));
    const { stats } = await trial.server.report();
    const wakeUps = stats.engine.turns - turns;

    trial.figure(`${count} idle connections: ${bytes.toFixed(0)} bytes each, ${(100 * busy).toFixed(2)} % of a processor`);
    trial.figure(`${wakeUps} wake-ups in ${seconds} s, ${lost} messages lost`);
    trial.require('everybody was answered, and is connected', lost === 0 && stats.handles === count);
    trial.require('nothing wakes the reactor', wakeUps === 0);
    trial.requireWhenQuiet(`at most ${MOST_BYTES[trial.form.engine]} bytes each`, bytes <= MOST_BYTES[trial.form.engine]);
    trial.requireWhenQuiet('less than 0.5 % of a processor', busy < MOST_BUSY);
  },
};
