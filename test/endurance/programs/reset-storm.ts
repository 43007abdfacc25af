import { once } from 'node:events';
import { closed, each, openSocket } from '../clients.js';
import { Prober } from '../prober.js';
import { echoing, type Program } from '../program.js';

const TOGETHER = 64;
const STEADY = 50;

export const resetStorm: Program = {
  name: 'reset-storm',
  number: 'T24',
  shows: 'connections that are reset as fast as they come, many before they are accepted, disturb nobody',

  server: (notes) => ({ callbacks: echoing(notes) }),

  async attack(trial) {
    const storm = trial.long ? 50_000 : 2000;
    const prober = await Prober.start({ port: trial.port, steady: STEADY, perSecond: 1000 });
    const begun = performance.now();
    const service = await prober.during(() =>
      each(storm, TOGETHER, async (index) => {
        const socket = openSocket(trial.port, `127.2.0.${1 + (index % 200)}`);
        await once(socket, 'connect');
        // Every other one has sent something, which nobody will read.
        if (index % 2 === 0) socket.write('gone');
        socket.resetAndDestroy();
        await closed(socket);
      }),
    );
    const seconds = (performance.now() - begun) / 1000;
    const { stats, counts } = await trial.server.until((report) => report.stats.handles === STEADY);
    await prober.stop();
    const ended = Object.values(stats.closed).reduce((sum, count) => sum + count, 0);

    trial.figure(
      `${storm} resets, ${Math.round(storm / seconds)} a second; ${counts.errors ?? 0} errors told, ${stats.handles - STEADY} handles left`,
    );
    trial.figure(`p99 of others ${service.p99.toFixed(1)} ms`);
    trial.require('those who are connected are served', service.unanswered === 0);
    trial.require('no handle is left', stats.handles === STEADY && stats.accepted === ended + STEADY);
    trial.require('a reset is no error of the server', (counts.errors ?? 0) === 0 && (counts.warnings ?? 0) === 0);
    trial.requireWhenQuiet('p99 of others below 20 ms', service.p99 < 20);
  },
};
