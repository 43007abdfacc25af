import type { Handle, Mux } from 'netmux';
import { closed, openMany } from '../clients.js';
import { Prober } from '../prober.js';
import type { Program } from '../program.js';

/** Closed, and their slots are others' by the time they are called. */
const STALE = 500;
const LIVING = 50;

/** At a time, so that those who are alive are served meanwhile. */
const CALLS = 5000;

const STRAY = Buffer.from('stray');

/** What can be asked of a handle, and what of its multiplexer. */
const METHODS: readonly ((fh: Handle, mux: Mux) => unknown)[] = [
  (fh) => fh.write('stray'),
  (fh) => fh.say('stray'),
  (fh) => fh.printf('%s', 'stray'),
  (fh) => fh.close(),
  (fh) => fh.reset(),
  (fh) => fh.shutdown(2),
  (fh) => fh.setTimeout(0),
  (fh) => fh.pause(),
  (fh) => fh.resume(),
  (fh) => fh.unref(),
  (fh) => [fh.remoteAddress, fh.fd, fh.bytesRead, fh.bufferedAmount, fh.error],
  (fh, mux) => mux.write(fh, 'stray'),
  (fh, mux) => mux.close(fh),
  (fh, mux) => mux.remove(fh),
  (fh, mux) => mux.killOutput(fh),
  (fh, mux) => mux.outbuffer(fh, STRAY),
  (fh, mux) => mux.inbuffer(fh),
];

export const staleCalls: Program = {
  name: 'stale-calls',
  number: 'T33',
  shows: 'methods called on handles that are closed, whose places others have taken, never throw and touch nobody',

  server(notes, { long }) {
    const calls = long ? 1_000_000 : 50_000;
    const stale: Handle[] = [];
    let mux: Mux | undefined;
    let made = 0;
    const play = (): void => {
      for (const end = Math.min(calls, made + CALLS); made < end; made += 1) {
        try {
          METHODS[Math.floor(Math.random() * METHODS.length)]!(stale[Math.floor(Math.random() * stale.length)]!, mux!);
          notes.add('calls');
        } catch {
          notes.add('thrown');
        }
      }
      if (made < calls) setImmediate(play);
      else notes.add('played');
    };
    return {
      callbacks: {
        mux_connection(itself) {
          mux = itself;
        },
        mux_input: (_mux, fh, data) => fh.write(data.take()),
        mux_close: (_mux, fh) => stale.push(fh),
        mux_timeout: () => notes.add('strayed'),
        mux_error: () => notes.add('errors'),
      },
      control: play,
    };
  },

  async attack(trial) {
    const sockets = await openMany(trial.port, STALE);
    for (const socket of sockets) socket.end().resume();
    await Promise.all(sockets.map(closed));
    await trial.server.until(({ stats }) => stats.handles === 0);
    const prober = await Prober.start({ port: trial.port, steady: LIVING, perSecond: 1000 });
    const service = await prober.during(() => {
      trial.server.tell('play');
      return trial.server.until(({ counts }) => counts.played === 1);
    });
    const { stats, counts } = await trial.server.report();
    await prober.stop();

    trial.figure(`${counts.calls ?? 0} calls on ${STALE} closed handles, ${counts.thrown ?? 0} thrown`);
    trial.figure(`${service.answered} messages of ${LIVING} that live, ${service.unanswered} lost or wrong`);
    trial.require('all are made', counts.played === 1);
    trial.require('none throws', counts.thrown === undefined);
    trial.require('those who live are served, and get nothing else', service.unanswered === 0 && stats.handles === LIVING);
    trial.require('nothing is told of it', counts.errors === undefined && counts.strayed === undefined);
  },
};
