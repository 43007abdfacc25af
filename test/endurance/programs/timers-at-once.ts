import { each, exchange, openMany } from '../clients.js';
import { Prober } from '../prober.js';
import type { Program } from '../program.js';

/** A handle's timer is set so that all come due at the same moment, whenever the connection came. */
const OWN = 'o'.charCodeAt(0);

export const timersAtOnce: Program = {
  name: 'timers-at-once',
  number: 'T21',
  shows: 'thousands of timers that come due in the same moment all come, none early, and those who speak meanwhile are served',

  server(notes, { long }) {
    const delayMs = long ? 20_000 : 3000;
    let dueAt: number | undefined;
    return {
      callbacks: {
        mux_input(_mux, fh, data) {
          const own = data.at(0) === OWN;
          fh.write(data.take());
          if (!own) return;
          dueAt ??= performance.now() + delayMs;
          const due = dueAt;
          // In a callback a timer counts from the beginning of its group; outside exactly, so that it can be told whether it is early.
          setImmediate(() => fh.setTimeout(Math.max(0, due - performance.now()) / 1000));
        },
        mux_timeout(mux, fh) {
          const late = performance.now() - (dueAt ?? Number.POSITIVE_INFINITY);
          notes.add('timers');
          if (late < 0) notes.add('early');
          notes.peak('lateMs', late);
          mux.close(fh);
        },
      },
    };
  },

  async attack(trial) {
    const count = trial.long ? 15_000 : 1500;
    const sockets = await openMany(trial.port, count);
    const talkers = 20;
    const prober = await Prober.start({ port: trial.port, steady: talkers, perSecond: 1000 });
    for (const socket of sockets) socket.resume();
    await each(count, count, (index) => exchange(sockets[index]!, Buffer.from('own')));
    const service = await prober.during(() => trial.server.until(({ counts }) => counts.timers === count));
    const { counts, stats } = await trial.server.report();
    await prober.stop();

    trial.figure(
      `${counts.timers ?? 0} of ${count} timers, ${counts.early ?? 0} early, the last ${(counts.lateMs ?? 0).toFixed(0)} ms late`,
    );
    trial.figure(`p99 of others ${service.p99.toFixed(1)} ms`);
    trial.require('every timer comes once', counts.timers === count && stats.timeouts === count);
    trial.require('none is early', (counts.early ?? 0) === 0);
    trial.require('who speaks is served', service.unanswered === 0 && stats.handles === talkers);
    trial.requireWhenQuiet('all within 250 ms', (counts.lateMs ?? 0) < 250);
    trial.requireWhenQuiet('p99 of others below 20 ms', service.p99 < 20);
  },
};
