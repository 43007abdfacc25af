import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from 'netmux';
import { closed, Latencies, openMany } from '../clients.js';
import type { Program } from '../program.js';

const MESSAGE_BYTES = 4096;
const PERIOD_MS = 20;

/** Fixed, so that the kernel holds no more for a peer than this; what is beyond waits here, and counts. */
const KERNEL_BYTES = 32 * 1024;
const MAX_OUTBUFFER = 256 * 1024;

const MIB = 1024 * 1024;

/** Reads all that comes, and takes the time from each message's writing to its last byte. */
class Reader {
  received = 0;
  private readonly partial = Buffer.alloc(MESSAGE_BYTES);

  constructor(socket: Socket, latencies: () => Latencies) {
    socket.on('data', (bytes) => {
      for (let from = 0; from < bytes.length; ) {
        const at = this.received % MESSAGE_BYTES;
        const length = Math.min(MESSAGE_BYTES - at, bytes.length - from);
        bytes.copy(this.partial, at, from, from + length);
        this.received += length;
        from += length;
        // Both processes see the same monotonic clock.
        if (at + length === MESSAGE_BYTES) latencies().values.push(Number(process.hrtime.bigint() - this.partial.readBigUInt64BE()) / 1e6);
      }
    });
  }
}

export const neverReading: Program = {
  name: 'never-reading',
  number: 'T16',
  shows: 'under a broadcast, clients that never read cost no more than their limit, and those that read miss nothing',

  server(notes, long) {
    const listeners = new Set<Handle>();
    const readers = new Set<Handle>();
    const message = Buffer.alloc(MESSAGE_BYTES);
    let timer: NodeJS.Timeout | undefined;
    const speak = (): void => {
      // In the short form readers may lag behind on a busy machine: they are not to be taken for attackers.
      for (const fh of readers) if (!long && fh.bufferedAmount > MAX_OUTBUFFER / 2) return;
      message.writeBigUInt64BE(process.hrtime.bigint());
      notes.add('messages');
      for (const fh of listeners) {
        fh.write(message);
        notes.peak('waiting', fh.bufferedAmount);
      }
    };
    return {
      mux: { maxOutbuffer: MAX_OUTBUFFER, sendBufferSize: KERNEL_BYTES },
      callbacks: {
        mux_connection: (_mux, fh) => listeners.add(fh),
        mux_input(_mux, fh, data) {
          data.consume();
          readers.add(fh);
        },
        mux_close(_mux, fh) {
          listeners.delete(fh);
          readers.delete(fh);
        },
        mux_error() {},
      },
      control(word) {
        clearInterval(timer);
        if (word === 'speak') timer = setInterval(speak, PERIOD_MS);
      },
    };
  },

  async attack(trial) {
    const [readers, mute] = trial.long ? [900, 100] : [18, 2];
    let latencies = new Latencies();
    const sockets = await openMany(trial.port, readers);
    const reading = sockets.map((socket) => new Reader(socket, () => latencies));
    for (const socket of sockets) socket.write('r');
    await trial.server.until(({ stats }) => stats.bytesRead === readers);
    trial.server.tell('speak');
    await sleep(trial.long ? 10_000 : 500);
    const before = latencies;
    const memory = trial.server.memory;

    latencies = new Latencies();
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, trial.server.memory);
    }, 100);
    const attackers = await openMany(trial.port, mute);
    for (const socket of attackers) socket.pause();
    if (trial.long) await sleep(30_000);
    const report = await trial.server.until(({ stats }) => stats.closed.outbuffer === mute);
    clearInterval(watch);
    trial.server.tell('stop');
    const { counts, stats } = await trial.server.until((each) => each.stats.unsent === 0);
    const expected = (counts.messages ?? 0) * MESSAGE_BYTES;
    const deadline = performance.now() + 30_000;
    while (reading.some(({ received }) => received < expected) && performance.now() < deadline) await sleep(PERIOD_MS);
    // The kernel's end of a connection that is not read is seen when it is.
    for (const socket of attackers) socket.resume();
    await Promise.all(attackers.map(closed));

    const incomplete = reading.filter(({ received }) => received !== expected).length;
    const grown = (peak - memory) / MIB;
    trial.figure(
      `${mute} of ${mute + readers} never read: ${stats.closed.outbuffer} closed, at most ${counts.waiting} bytes waiting for one`,
    );
    trial.figure(
      `memory grew ${grown.toFixed(1)} MiB at most, p99 of readers ${latencies.p99.toFixed(1)} ms (${before.p99.toFixed(1)} before)`,
    );
    trial.require('those who do not read are closed', report.stats.closed.outbuffer === mute);
    trial.require('nobody else is', stats.handles === readers);
    trial.require('no queue is above its limit', (counts.waiting ?? 0) <= MAX_OUTBUFFER);
    trial.require('readers get everything', incomplete === 0);
    trial.requireWhenQuiet('memory within all limits and 10 MiB', grown < (mute * MAX_OUTBUFFER) / MIB + 10);
    trial.requireWhenQuiet('p99 of readers below twice what it was', latencies.p99 < 2 * before.p99);
  },
};
