import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from 'netmux';
import { closed, openMany } from '../clients.js';
import { Prober } from '../prober.js';
import type { Program } from '../program.js';

const MESSAGE_BYTES = 4096;
const PERIOD_MS = 20;

/** 40 MB a second for a thousand clients: four times what is asked for, and not more than a machine can do beside its attackers. */
const LONG_PERIOD_MS = 100;

/** Fixed, so that the kernel holds no more for a peer than this; what is beyond waits here, and counts. */
const KERNEL_BYTES = 32 * 1024;
const MAX_OUTBUFFER = 256 * 1024;

/** Clients that ask and are answered meanwhile. */
const STEADY = 50;

const MIB = 1024 * 1024;

/** The first byte says what a client wants: to read, or not to read what it is sent. Others are answered. */
const READER = 'r'.charCodeAt(0);
const MUTE = 'm'.charCodeAt(0);

/** The bytes of message number `n` are all `n`, as far as a byte can tell: one that is lost or doubled shows. */
class Reader {
  received = 0;
  wrong = 0;

  constructor(socket: Socket) {
    socket.on('data', (bytes) => {
      for (let from = 0; from < bytes.length; ) {
        const message = Math.floor(this.received / MESSAGE_BYTES);
        const length = Math.min(MESSAGE_BYTES - (this.received % MESSAGE_BYTES), bytes.length - from);
        if (bytes[from] !== (message & 0xff) || bytes[from + length - 1] !== (message & 0xff)) this.wrong += 1;
        this.received += length;
        from += length;
      }
    });
  }
}

export const neverReading: Program = {
  name: 'never-reading',
  number: 'T16',
  shows: 'under a broadcast, clients that never read cost no more than their limit, and those that read miss nothing',

  nativeOnly: 'the buffers of the kernel cannot be fixed there: what waits in them would hide what waits here',

  server(notes, { long }) {
    const listeners = new Set<Handle>();
    const readers = new Set<Handle>();
    const message = Buffer.alloc(MESSAGE_BYTES);
    let timer: NodeJS.Timeout | undefined;
    const speak = (): void => {
      // In the short form readers may lag behind on a busy machine: they are not to be taken for attackers.
      for (const fh of readers) if (!long && fh.bufferedAmount > MAX_OUTBUFFER / 2) return;
      message.fill((notes.counts.messages ?? 0) & 0xff);
      notes.add('messages');
      for (const fh of listeners) {
        fh.write(message);
        notes.peak('waiting', fh.bufferedAmount);
      }
    };
    return {
      mux: { maxOutbuffer: MAX_OUTBUFFER, sendBufferSize: KERNEL_BYTES },
      callbacks: {
        mux_input(_mux, fh, data) {
          const wish = data.at(0);
          if (wish !== READER && wish !== MUTE) return fh.write(data.take());
          data.consume();
          listeners.add(fh);
          if (wish === READER) readers.add(fh);
          return undefined;
        },
        mux_close(_mux, fh) {
          listeners.delete(fh);
          readers.delete(fh);
        },
        mux_error() {},
      },
      control(word) {
        clearInterval(timer);
        if (word === 'speak') timer = setInterval(speak, long ? LONG_PERIOD_MS : PERIOD_MS);
      },
    };
  },

  async attack(trial) {
    const [readers, mute] = trial.long ? [900, 100] : [18, 2];
    const sockets = await openMany(trial.port, readers);
    const reading = sockets.map((socket) => new Reader(socket));
    for (const socket of sockets) socket.write('r');
    await trial.server.until(({ stats }) => stats.bytesRead === readers);
    trial.server.tell('speak');
    const prober = await Prober.start({ port: trial.port, steady: STEADY, perSecond: 500 });
    const before = await prober.during(() => sleep(trial.long ? 10_000 : 500));
    const memory = trial.server.memory;

    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, trial.server.memory);
    }, 100);
    const attackers = await openMany(trial.port, mute);
    for (const socket of attackers) socket.pause().write('m');
    const during = await prober.during(async () => {
      if (trial.long) await sleep(30_000);
      await trial.server.until(({ stats }) => stats.closed.outbuffer === mute);
    });
    await prober.stop();
    clearInterval(watch);
    trial.server.tell('stop');
    const { counts, stats } = await trial.server.until((each) => each.stats.unsent === 0 && each.stats.handles === readers);
    const expected = (counts.messages ?? 0) * MESSAGE_BYTES;
    const deadline = performance.now() + 30_000;
    while (reading.some(({ received }) => received < expected) && performance.now() < deadline) await sleep(PERIOD_MS);
    // The kernel's end of a connection that is not read is seen when it is.
    for (const socket of attackers) socket.resume();
    await Promise.all(attackers.map(closed));

    const incomplete = reading.filter(({ received, wrong }) => received !== expected || wrong > 0).length;
    const grown = (peak - memory) / MIB;
    trial.figure(
      `${mute} of ${mute + readers} never read: ${stats.closed.outbuffer} closed, at most ${counts.waiting} bytes waiting for one`,
    );
    trial.figure(
      `memory grew ${grown.toFixed(1)} MiB at most, p99 of others ${during.p99.toFixed(1)} ms (${before.p99.toFixed(1)} before)`,
    );
    trial.require('those who do not read are closed', stats.closed.outbuffer === mute);
    trial.require('nobody else is', stats.handles === readers);
    trial.require('no queue is above its limit', (counts.waiting ?? 0) <= MAX_OUTBUFFER);
    trial.require('readers get everything', incomplete === 0);
    trial.requireWhenQuiet('memory within all limits and 10 MiB', grown < (mute * MAX_OUTBUFFER) / MIB + 10);
    trial.require('who asks is answered', before.unanswered + during.unanswered === 0);
    trial.requireWhenQuiet('p99 of others below twice what it was', during.p99 < 2 * before.p99);
  },
};
