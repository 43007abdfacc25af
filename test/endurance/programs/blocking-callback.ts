import type { Handle } from 'netmux';
import { each, exchange, openMany } from '../clients.js';
import type { Program } from '../program.js';

const IDLE_SECONDS = 5;

/** Delays of timers that come due while nobody can look, in an order that is not that of their setting. */
const DELAYS_MS = [900, 300, 600, 100, 1200, 800, 200];

export const blockingCallback: Program = {
  name: 'blocking-callback',
  number: 'T22',
  shows: 'after a callback that blocks, who has spoken meanwhile is not closed as idle, and late timers come in their order, none early',

  server(notes, { long }) {
    const blockMs = long ? 10_000 : 6000;
    const due = new Map<Handle, number>();
    let latest = 0;
    return {
      mux: { idleTimeout: IDLE_SECONDS },
      callbacks: {
        mux_input(_mux, fh, data) {
          const text = data.take().toString();
          if (text.startsWith('timer ')) {
            const delayMs = Number(text.slice(6));
            // In a callback a timer counts from the beginning of its group; outside exactly, so that it can be told whether it is early.
            setImmediate(() => {
              due.set(fh, performance.now() + delayMs);
              fh.setTimeout(delayMs / 1000);
              fh.write(text);
            });
            return;
          }
          fh.write(text);
          if (text !== 'block') return;
          notes.add('blocking');
          const until = performance.now() + blockMs;
          while (performance.now() < until);
          notes.add('blocked');
        },
        mux_timeout(_mux, fh) {
          const time = due.get(fh) ?? Number.POSITIVE_INFINITY;
          notes.add('timers');
          if (performance.now() < time) notes.add('early');
          if (time < latest) notes.add('disordered');
          latest = Math.max(latest, time);
        },
        mux_error() {},
      },
    };
  },

  async attack(trial) {
    const talkers = await openMany(trial.port, trial.long ? 5000 : 1100);
    const timers = await openMany(trial.port, DELAYS_MS.length);
    const [blocker] = await openMany(trial.port, 1);
    // The idle time of all begins now, or they would be closed before anything was tried.
    await each(talkers.length, talkers.length, (index) => exchange(talkers[index]!, Buffer.from('here')));
    await each(timers.length, timers.length, (index) => exchange(timers[index]!, Buffer.from(`timer ${DELAYS_MS[index]}`)));
    const blocked = exchange(blocker!, Buffer.from('block'));
    // The answer to those who speak comes behind the block, when their idle time is long over.
    let answered = 0;
    await each(talkers.length, talkers.length, async (index) => {
      if (await exchange(talkers[index]!, Buffer.from('still here'))) answered += 1;
    });
    await blocked;
    const { counts } = await trial.server.until((report) => (report.counts.timers ?? 0) === DELAYS_MS.length);

    trial.figure(
      `blocked for ${trial.long ? 10 : 6} s with an idle timeout of ${IDLE_SECONDS} s: ${answered} of ${talkers.length} that spoke meanwhile are served`,
    );
    trial.figure(`${counts.timers ?? 0} timers, ${counts.early ?? 0} early, ${counts.disordered ?? 0} out of order`);
    trial.require('nobody who spoke is closed as idle', answered === talkers.length);
    trial.require('every timer comes', counts.timers === DELAYS_MS.length);
    trial.require('none is early', counts.early === undefined);
    trial.require('late ones come in their order', counts.disordered === undefined);
  },
};
