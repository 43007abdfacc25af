import { setTimeout as sleep } from 'node:timers/promises';
import { each, openSocket } from '../clients.js';
import { Prober } from '../prober.js';
import { echoing, type Program } from '../program.js';

const STEADY = 50;

export const descriptors: Program = {
  name: 'descriptors',
  number: 'T07',
  shows: 'without free descriptors those who are connected are served, nobody spins, and who waited is served when some come free',
  descriptors: 256,

  nativeOnly: 'libuv accepts and closes whom it has no descriptor for',

  server: (notes) => ({ callbacks: echoing(notes) }),

  async attack(trial) {
    const waiting = trial.long ? 1000 : 400;
    const saturatedMs = trial.long ? 10_000 : 1000;
    const prober = await Prober.start({ port: trial.port, steady: STEADY, perSecond: 1000 });
    const normal = await prober.during(() => sleep(saturatedMs));

    let welcomed = 0;
    let released: number | undefined;
    let firstAfterRelease = 0;
    const knocking = Array.from({ length: waiting }, () => {
      const socket = openSocket(trial.port);
      // Lies in the kernel until it is let in.
      socket.write('knock');
      socket.once('data', () => {
        welcomed += 1;
        if (released === undefined) return;
        firstAfterRelease ||= performance.now() - released;
        socket.resetAndDestroy();
      });
      return { socket, ended: new Promise((resolve) => socket.once('close', resolve)) };
    });
    await trial.server.until(({ counts }) => (counts.errors ?? 0) > 0);
    const before = await trial.server.report();
    const begun = performance.now();
    // First without traffic: what the want of descriptors costs by itself.
    const busy = await trial.server.busyDuring(() => sleep(saturatedMs));
    const crowded = await prober.during(() => sleep(saturatedMs));
    const after = await trial.server.report();
    const seconds = (performance.now() - begun) / 1000;
    const turnedAway = welcomed;

    // Those who got in leave; whoever is welcomed from now on leaves at once.
    released = performance.now();
    for (const { socket } of knocking) if (socket.bytesRead > 0) socket.resetAndDestroy();
    await each(waiting, waiting, (index) => knocking[index]!.ended);

    const errors = (after.counts.errors ?? 0) - (before.counts.errors ?? 0);
    const attempts = (after.stats.engine.acceptPauses - before.stats.engine.acceptPauses) / seconds;
    trial.figure(`${waiting} clients for 256 descriptors: ${turnedAway} let in, ${welcomed} in the end`);
    trial.figure(
      `CPU ${(busy * 100).toFixed(1)} % while full, ${attempts.toFixed(1)} vain attempts and ${(errors / seconds).toFixed(1)} reports a second`,
    );
    trial.figure(
      `accepting again after ${firstAfterRelease.toFixed(1)} ms, p99 of others ${crowded.p99.toFixed(1)} ms (${normal.p99.toFixed(1)} before)`,
    );
    trial.require('not all fit', turnedAway < waiting);
    trial.require('who is connected is served', normal.unanswered + crowded.unanswered === 0);
    trial.require('everybody is let in in the end', welcomed === waiting);
    trial.require('at most one report a second', errors <= seconds + 1);
    trial.requireWhenQuiet('CPU below 5 %', busy < 0.05);
    trial.requireWhenQuiet('at most 20 vain attempts a second', attempts <= 20);
    trial.requireWhenQuiet('accepting again within 100 ms', firstAfterRelease <= 100);
    trial.requireWhenQuiet('p99 of those connected below twice what it was', crowded.p99 < 2 * normal.p99);
  },
};
