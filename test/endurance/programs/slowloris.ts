import { once } from 'node:events';
import type { Socket } from 'node:net';
import { closed, each, openSocket } from '../clients.js';
import { probed } from '../prober.js';
import type { Program } from '../program.js';

const FIRST_BYTE_SECONDS = 5;
const BYTES_PER_SECOND = 16;
const DRIP_MS = 2000;

/** It is no flood: nobody is to wait in a full accept queue. */
const OPENED_AT_A_TIME = 100;

/** The rate is judged over 5 s, so a slow peer is closed 5 to 10 s after it begins. */
const TOO_SLOW_SECONDS = 10;

export const slowloris: Program = {
  name: 'slowloris',
  number: 'T23',
  shows: 'clients that send nothing, or a byte now and then, are closed at their limit, and honest ones notice nothing',

  server: () => ({
    mux: { firstByteTimeout: FIRST_BYTE_SECONDS, minByteRate: BYTES_PER_SECOND },
    callbacks: {
      // A line is a message: what is not complete stays unread.
      mux_input(_mux, fh, data) {
        for (const line of data.lines()) fh.write(`${line}\n`);
      },
      mux_eof() {},
      mux_epipe() {},
      mux_error() {},
    },
  }),

  async attack(trial) {
    const attackers = trial.long ? 10_000 : 200;
    const lives: { mute: boolean; seconds: number }[] = [];
    const live = async (socket: Socket, mute: boolean): Promise<void> => {
      const begun = performance.now();
      let dripping: NodeJS.Timeout | undefined;
      if (!mute) {
        socket.write('x');
        dripping = setInterval(() => socket.write('x'), DRIP_MS);
      }
      socket.resume();
      await closed(socket);
      clearInterval(dripping);
      lives.push({ mute, seconds: (performance.now() - begun) / 1000 });
    };
    const newcomers = await probed({ port: trial.port, perSecond: 100 }, async () => {
      const all: Promise<void>[] = [];
      await each(attackers, OPENED_AT_A_TIME, async (index) => {
        const socket = openSocket(trial.port);
        await once(socket, 'connect');
        all.push(live(socket, index % 2 === 0));
      });
      await Promise.all(all);
    });
    const { stats } = await trial.server.until((report) => report.stats.handles === 0);
    const longest = (mute: boolean): number => Math.max(...lives.filter((life) => life.mute === mute).map(({ seconds }) => seconds));

    trial.figure(`${attackers} attackers: ${stats.closed.firstByte} closed as mute, ${stats.closed.slow} as slow`);
    trial.figure(
      `the last after ${longest(true).toFixed(2)} s (limit ${FIRST_BYTE_SECONDS}) and ${longest(false).toFixed(2)} s (limit ${TOO_SLOW_SECONDS})`,
    );
    trial.figure(`${newcomers.answered} honest clients meanwhile, p99 ${newcomers.p99.toFixed(1)} ms from connect to answer`);
    trial.require('each is closed for what it did', stats.closed.firstByte === attackers / 2 && stats.closed.slow === attackers / 2);
    trial.require('no honest client is lost', newcomers.unanswered === 0);
    trial.requireWhenQuiet('mute ones closed within 1 s of their limit', longest(true) < FIRST_BYTE_SECONDS + 1);
    trial.requireWhenQuiet('slow ones closed within 1 s of their limit', longest(false) < TOO_SLOW_SECONDS + 1);
    trial.requireWhenQuiet('p99 of honest clients below 50 ms', newcomers.p99 < 50);
  },
};
