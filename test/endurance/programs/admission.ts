import { once } from 'node:events';
import { closed, each, openSocket } from '../clients.js';
import { Prober } from '../prober.js';
import type { Program } from '../program.js';

const TOGETHER = 64;

/** The attacker's, of which one connection is let in. */
const ADDRESS = '127.4.0.1';

/** Exempt, and so never refused. */
const HONEST = 20;

export const admission: Program = {
  name: 'admission',
  number: 'T25',
  shows: 'a flood above the limit of its address is refused before there is a handle; who is exempt is let in and served meanwhile',

  server: (notes) => ({
    mux: { maxConnectionsPerAddress: 1, exemptFromLimits: ['127.0.0.1/32'] },
    callbacks: {
      mux_connection: () => notes.add('connections'),
      mux_input: (_mux, fh, data) => fh.write(data.take()),
      mux_refused: (_mux, _listener, { count }) => notes.add('told', count),
      mux_error: () => notes.add('errors'),
    },
  }),

  async attack(trial) {
    const flood = trial.long ? 50_000 : 2000;
    await once(openSocket(trial.port, ADDRESS), 'connect');
    const prober = await Prober.start({ port: trial.port, steady: HONEST, perSecond: 500 });
    await trial.server.until(({ stats }) => stats.handles === HONEST + 1);
    let letIn = 0;
    const knock = async (): Promise<void> => {
      const socket = openSocket(trial.port, ADDRESS);
      socket.on('data', () => {
        letIn += 1;
      });
      socket.write('knock');
      await closed(socket);
    };
    const begun = performance.now();
    // Half of it alone, so that its price is known.
    const user = await trial.server.userTimeDuring(() => each(flood / 2, TOGETHER, knock));
    const service = await prober.during(() => each(flood / 2, TOGETHER, knock));
    const perSecond = flood / ((performance.now() - begun) / 1000);
    const { stats, counts } = await trial.server.until((report) => report.counts.told === flood);
    await prober.stop();
    const perKnock = (user * 1000) / (flood / 2);

    trial.figure(
      `${stats.refused.address} of ${flood} refused, ${Math.round(perSecond)} a second, ${perKnock.toFixed(1)} µs of user time each`,
    );
    trial.figure(`p99 of those exempt ${service.p99.toFixed(1)} ms, ${service.unanswered} messages lost`);
    trial.require('each is refused, counted and told', stats.refused.address === flood && counts.told === flood && letIn === 0);
    trial.require('none of them became a handle', counts.connections === HONEST + 1 && stats.accepted === HONEST + 1);
    trial.require('no error is told', counts.errors === undefined);
    trial.require('those exempt are served', service.unanswered === 0);
    trial.requireWhenQuiet('a refusal takes at most 5 µs of user time', perKnock <= 5);
  },
};
