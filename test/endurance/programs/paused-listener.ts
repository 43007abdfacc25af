import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSocket } from '../clients.js';
import type { Program } from '../program.js';

/** What is below any machine's accept queue comes one by one, so that its order is known; the others all at once. */
const ORDERED = 1000;

/** The kernel has dropped what did not fit: its clients try again after 1, 3, 7 … seconds. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 20;

/** How often the kernel has found an accept queue full, whoever's. */
function overflows(): number {
  const [names, values] = readFileSync('/proc/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  return Number(values![names!.indexOf('ListenOverflows')]);
}

export const pausedListener: Program = {
  name: 'paused-listener',
  number: 'T27',
  shows: 'who comes while a listener is paused waits in the kernel, is let in when it resumes, in order, and nobody is lost',

  server(notes) {
    let accepted = 0;
    return {
      callbacks: {
        mux_connection(_mux, fh) {
          notes.add('accepted');
          fh.data = accepted++;
        },
        mux_input(_mux, fh, data) {
          data.consume();
          fh.write(`${fh.data}\n`);
        },
        mux_error: () => notes.add('errors'),
      },
      control: (word, listener) => (word === 'pause' ? listener.pause() : listener.resume()),
    };
  },

  async attack(trial) {
    const count = trial.long ? 5000 : 1200;
    trial.server.tell('pause');
    await trial.server.report();
    const before = overflows();
    const places: number[] = [];
    let answered = 0;
    let broken = 0;
    const knock = (index: number): Socket => {
      const socket = openSocket(trial.port);
      socket.on('data', (bytes) => {
        answered += 1;
        places[index] = Number(bytes.toString());
      });
      socket.on('error', () => {
        broken += 1;
      });
      socket.write('knock');
      return socket;
    };
    for (let index = 0; index < ORDERED; index += 1) await once(knock(index), 'connect');
    for (let index = ORDERED; index < count; index += 1) knock(index);
    await sleep(trial.long ? 2000 : 200);
    const { counts: paused } = await trial.server.report();
    trial.server.tell('resume');
    const resumed = performance.now();
    while (answered + broken < count && performance.now() - resumed < PATIENCE_MS) await sleep(LOOK_MS);
    const took = performance.now() - resumed;
    const { counts } = await trial.server.report();
    const disordered = places.slice(0, ORDERED).filter((place, index) => place !== index).length;

    trial.figure(
      `${count} knock at a paused listener: ${paused.accepted ?? 0} let in, ${answered} when it resumes, within ${took.toFixed(0)} ms`,
    );
    trial.figure(`${disordered} of the first ${ORDERED} out of order, ${broken} refused, ${overflows() - before} times the queue was full`);
    trial.require('nobody is let in meanwhile', paused.accepted === undefined);
    trial.require('everybody is served', answered === count && broken === 0);
    trial.require('in the order in which they came', disordered === 0);
    trial.require('no error is told', counts.errors === undefined);
  },
};
