import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from 'netmux';
import { findOnPath, ROOT } from '../../../bench/toolchain.js';
import { closed, each, exchange, openMany, served } from '../clients.js';
import type { Program } from '../program.js';

const TIMER_SECONDS = 3;
const IDLE_SECONDS = 6;
const HOUR_MS = 3_600_000;

/** Idle time runs from the begin of the turn in which the last byte was read. */
const TURN_SECONDS = 0.5;

/** @returns the environment in which the wall clock jumps, or why there is none */
function jumpingClock(): NodeJS.ProcessEnv | string {
  const compiler = findOnPath(process.env.CXX ?? 'c++');
  if (compiler === undefined) return 'no C++ compiler for the clock';
  const folder = join(ROOT, 'out/test/endurance');
  const library = join(folder, 'wall_clock.so');
  // Another run may be using the one that is there.
  const unfinished = `${library}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  const source = join(ROOT, 'test/endurance/wall_clock.cc');
  const { status, stderr } = spawnSync(compiler, ['-std=c++17', '-O2', '-shared', '-fPIC', '-o', unfinished, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`wall_clock.cc does not compile:\n${stderr}`);
  renameSync(unfinished, library);
  return { LD_PRELOAD: library };
}

export const clockJumps: Program = {
  name: 'clock-jumps',
  number: 'T22',
  shows: 'a wall clock that jumps by an hour, to and fro each second, makes no timer and no limit come early or stay out',
  environment: jumpingClock,

  server(notes) {
    const due = new Map<Handle, number>();
    const seen = setInterval(() => {
      notes.peak('latest', Date.now());
      notes.least('earliest', Date.now());
    }, 50);
    seen.unref();
    return {
      mux: { idleTimeout: IDLE_SECONDS },
      callbacks: {
        mux_input(_mux, fh, data) {
          fh.write(data.take());
          // In a callback a timer counts from the beginning of its group; outside exactly, so that it can be told whether it is early.
          setImmediate(() => {
            due.set(fh, performance.now() + TIMER_SECONDS * 1000);
            fh.setTimeout(TIMER_SECONDS);
          });
        },
        mux_timeout(_mux, fh) {
          const late = performance.now() - (due.get(fh) ?? Number.POSITIVE_INFINITY);
          notes.add('timers');
          if (late < 0) notes.add('early');
          notes.peak('lateMs', late);
        },
        mux_error: (_mux, _fh, error) => notes.add(error.code ?? 'errors'),
      },
    };
  },

  async attack(trial) {
    const quiet = await openMany(trial.port, trial.long ? 1000 : 50);
    const busy = await openMany(trial.port, 10);
    const begun = performance.now();
    await each(quiet.length, quiet.length, (index) => exchange(quiet[index]!, Buffer.from('timer')));
    const ended: number[] = [];
    const endings = quiet.map(async (socket) => {
      await closed(socket.resume());
      ended.push((performance.now() - begun) / 1000);
    });
    // Those who speak are never idle.
    const unanswered = await served(busy, 100, async () => {
      await Promise.all(endings);
      await sleep(trial.long ? 30_000 : 0);
    });
    const { counts, stats } = await trial.server.report();
    const jumped = ((counts.latest ?? 0) - (counts.earliest ?? 0)) / HOUR_MS;
    const first = Math.min(...ended);
    const last = Math.max(...ended);

    trial.figure(
      `the wall clock jumped over ${jumped.toFixed(1)} h; ${counts.timers ?? 0} timers of ${TIMER_SECONDS} s, ${counts.early ?? 0} early, at most ${(counts.lateMs ?? 0).toFixed(0)} ms late`,
    );
    trial.figure(
      `${stats.closed.idle} of ${quiet.length} closed as idle after ${first.toFixed(2)} to ${last.toFixed(2)} s (limit ${IDLE_SECONDS})`,
    );
    trial.require('the clock has jumped', jumped > 0.9);
    trial.require('no timer is early', (counts.early ?? 0) === 0);
    trial.require('every timer comes', (counts.timers ?? 0) >= quiet.length);
    trial.require(
      'each quiet connection is closed as idle, none early',
      stats.closed.idle === quiet.length && first > IDLE_SECONDS - TURN_SECONDS,
    );
    trial.require('who speaks is not', unanswered === 0);
    trial.requireWhenQuiet('idle ones closed within 1 s of their limit', last < IDLE_SECONDS + 1);
    trial.requireWhenQuiet('no timer later than 250 ms', (counts.lateMs ?? 0) < 250);
  },
};
