import { setTimeout as sleep } from 'node:timers/promises';
import { openMany } from '../clients.js';
import type { Program } from '../program.js';

const QUEUED_BYTES = 512 * 1024;

/** So that what is written waits here, and not in the kernel. */
const KERNEL_BYTES = 16 * 1024;

const MIB = 1024 * 1024;

export const memoryReturns: Program = {
  name: 'memory-returns',
  number: 'T06',
  shows: 'memory that unsent output took is given back to the system when it has been sent',

  nativeOnly: 'the buffers of the kernel cannot be fixed there: they would take all that is to wait here',

  server(notes) {
    const chunk = Buffer.alloc(8 * 1024, 'q');
    return {
      mux: { sendBufferSize: KERNEL_BYTES },
      callbacks: {
        mux_input(_mux, fh, data) {
          data.consume();
          // Small pieces: what is 16 KiB or more is not copied, and so would be no memory of the core.
          for (let bytes = 0; bytes < QUEUED_BYTES; bytes += chunk.length) fh.write(chunk);
        },
        mux_outbuffer_empty: () => notes.add('emptied'),
      },
    };
  },

  async attack(trial) {
    const count = trial.long ? 1000 : 100;
    const sockets = await openMany(trial.port, count);
    let received = 0;
    const fill = async (): Promise<void> => {
      for (const socket of sockets) socket.pause().write('fill');
      const expected = received + count * QUEUED_BYTES;
      await trial.server.until(({ stats }) => stats.bytesWritten + stats.unsent === expected && stats.unsent > 0);
      peak = Math.max(peak, trial.server.memory);
    };
    const drain = async (): Promise<void> => {
      for (const socket of sockets) socket.resume();
      await trial.server.until(({ stats }) => stats.unsent === 0);
      received += count * QUEUED_BYTES;
    };
    let peak = 0;
    const before = trial.server.memory;
    await fill();
    await drain();
    await sleep(trial.long ? 5000 : 0);
    const after = trial.server.memory;
    const { stats } = await trial.server.report();

    trial.figure(
      `${count} connections with ${QUEUED_BYTES / 1024} KiB unsent each: ${(before / MIB).toFixed(0)} MiB before, ${(peak / MIB).toFixed(0)} at most, ${(after / MIB).toFixed(0)} after`,
    );
    trial.require('all is sent', stats.bytesWritten === received && stats.unsent === 0);
    trial.require('nobody is lost', stats.handles === count);
    trial.requireWhenQuiet('at most 10 % more than before', after < before * 1.1);
  },
};
