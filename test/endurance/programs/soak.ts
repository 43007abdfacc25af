import { setTimeout as sleep } from 'node:timers/promises';
import { exchange, openMany, openSocket, served } from '../clients.js';
import { Prober } from '../prober.js';
import { echoing, type Program } from '../program.js';

const MIB = 1024 * 1024;

/** The run is looked at in so many parts; the first is warm-up. */
const PARTS = 8;

/** Who comes, is answered and goes, a second. */
const NEWCOMERS = 200;

/** Connections whose times are taken. */
const PROBES = 50;

/** New clients for one message each, one after the other, until `work` is done. */
async function newcomersServed(port: number, work: () => Promise<unknown>): Promise<{ count: number; unanswered: number }> {
  const result = { count: 0, unanswered: 0 };
  let over = false;
  const come = async (): Promise<void> => {
    for (const begun = performance.now(); !over; ) {
      const socket = openSocket(port);
      if (!(await exchange(socket, Buffer.from('newcomer\n')))) result.unanswered += 1;
      socket.resetAndDestroy();
      result.count += 1;
      await sleep(begun + (result.count * 1000) / NEWCOMERS - performance.now());
    }
  };
  const coming = come();
  await work().finally(() => {
    over = true;
  });
  await coming;
  return result;
}

/** MiB per hour, by least squares. */
function slope(samples: readonly { readonly hours: number; readonly mib: number }[]): number {
  const mean = (of: (sample: { hours: number; mib: number }) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const hours = mean((sample) => sample.hours);
  const mib = mean((sample) => sample.mib);
  const covariance = samples.reduce((sum, sample) => sum + (sample.hours - hours) * (sample.mib - mib), 0);
  return covariance / samples.reduce((sum, sample) => sum + (sample.hours - hours) ** 2, 0);
}

export const soak: Program = {
  name: 'soak',
  number: 'T03',
  shows: 'under steady work and steady coming and going, memory and times stay what they are; --seconds=N says for how long',

  server: (notes) => ({ callbacks: echoing(notes) }),

  async attack(trial) {
    const seconds = trial.seconds ?? (trial.long ? 600 : 4);
    const steady = await openMany(trial.port, trial.long ? 10_000 : 50);
    const prober = await Prober.start({ port: trial.port, steady: PROBES, perSecond: 200 });
    // 2,000 messages a second in the long form.
    const pauseMs = trial.long ? 5000 : 25;
    const samples: { hours: number; mib: number }[] = [];
    const p99: number[] = [];
    let unanswered = 0;
    let newcomers = 0;
    for (let part = 0; part < PARTS; part += 1) {
      const begun = performance.now();
      const partMs = (seconds * 1000) / PARTS;
      const sampling = async (): Promise<void> => {
        while (performance.now() - begun < partMs) {
          await sleep(Math.min(1000, partMs / 4));
          if (part > 0) samples.push({ hours: performance.now() / 3_600_000, mib: trial.server.memory / MIB });
        }
      };
      let come = { unanswered: 0, count: 0 };
      let lost = 0;
      const service = await prober.during(async () => {
        lost = await served(steady, pauseMs, async () => {
          come = await newcomersServed(trial.port, sampling);
        });
      });
      unanswered += lost + service.unanswered + come.unanswered;
      newcomers += come.count;
      p99.push(service.p99);
    }
    await prober.stop();
    const { stats, counts } = await trial.server.until((report) => report.stats.handles === steady.length);
    const perHour = slope(samples);
    const first = p99[1]!;
    const drift = p99.at(-1)! / first - 1;

    trial.figure(
      `${seconds} s, ${steady.length} steady connections, ${newcomers} that came and went: ${unanswered} messages lost, ${counts.errors ?? 0} errors`,
    );
    trial.figure(`memory ${perHour.toFixed(2)} MiB an hour, p99 ${first.toFixed(1)} ms, at the end ${(drift * 100).toFixed(0)} % more`);
    trial.require('every message is answered', unanswered === 0);
    trial.require('no error is told', (counts.errors ?? 0) === 0 && (counts.warnings ?? 0) === 0);
    trial.require('only the steady ones are left', stats.handles === steady.length);
    trial.requireWhenQuiet('memory grows by less than 0.5 MiB an hour', perHour < 0.5);
    trial.requireWhenQuiet('p99 drifts by less than 10 %', drift < 0.1);
  },
};
