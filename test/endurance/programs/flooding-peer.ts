import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Prober } from '../prober.js';
import type { Program } from '../program.js';

const FLOOD = 'F'.charCodeAt(0);
const FLOODER = new URL('../flooder.js', import.meta.url);

const MIB = 1024 * 1024;

/** What has to come before the short form has seen a flood. */
const SHORT_FLOOD_BYTES = 64 * MIB;

export const floodingPeer: Program = {
  name: 'flooding-peer',
  number: 'T46',
  shows: 'one peer that sends as fast as it can does not keep the server from a thousand polite ones',

  server: (notes) => ({
    callbacks: {
      mux_input(_mux, fh, data) {
        if (data.at(0) !== FLOOD) return fh.write(data.take());
        notes.add('flood', data.length);
        data.consume();
        return true;
      },
    },
  }),

  async attack(trial) {
    const polite = trial.long ? 999 : 50;
    const prober = await Prober.start({ port: trial.port, steady: polite, perSecond: 1000 });
    const before = await prober.during(() => sleep(trial.long ? 10_000 : 500));
    const flooder = new Worker(FLOODER, { workerData: { port: trial.port } });
    const begun = performance.now();
    const during = await prober.during(() =>
      trial.long ? sleep(30_000) : trial.server.until(({ counts }) => (counts.flood ?? 0) >= SHORT_FLOOD_BYTES),
    );
    const { counts } = await trial.server.report();
    const rate = (counts.flood ?? 0) / MIB / ((performance.now() - begun) / 1000);
    await flooder.terminate();

    trial.figure(`${polite} polite clients beside a flood of ${rate.toFixed(0)} MiB/s`);
    trial.figure(`p99 ${during.p99.toFixed(1)} ms (${before.p99.toFixed(1)} before), ${during.unanswered} messages lost`);
    trial.require('the flood came', (counts.flood ?? 0) >= SHORT_FLOOD_BYTES);
    trial.require('every polite message is answered', before.unanswered + during.unanswered === 0);
    trial.requireWhenQuiet('p99 of polite clients below 20 ms', during.p99 < 20);
  },
};
