import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { openSocket } from '../clients.js';
import type { Program } from '../program.js';

const MIB = 1024 * 1024;

/** No two of them in a row are alike, so that a piece that is lost, doubled or moved changes the sum. */
function* pieces(bytes: number): Generator<Buffer> {
  const piece = Buffer.alloc(64 * 1024);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    const copy = Buffer.from(piece);
    for (let at = 0; at < copy.length; at += 8) copy.writeDoubleBE(sent + at, at);
    yield copy;
  }
}

export const gigabyte: Program = {
  name: 'gigabyte',
  number: 'T18',
  shows: 'a gigabyte through one connection comes back byte for byte, at the pace of the slower side, in a bounded memory',

  server: () => ({
    callbacks: {
      mux_input(_mux, fh, data) {
        // Sent from where it was read: what grows is memory of the engine, not copies that wait for a collection.
        const hasRoom = fh.write(data);
        data.consume();
        if (!hasRoom) fh.pause();
      },
      mux_outbuffer_empty: (_mux, fh) => fh.resume(),
    },
  }),

  async attack(trial) {
    const bytes = (trial.long ? 1024 : 32) * MIB;
    const socket = openSocket(trial.port);
    const sum = (): Hash => createHash('sha256');
    const [sent, received] = [sum(), sum()];
    let back = 0;
    const complete = new Promise<void>((resolve) => {
      socket.on('close', resolve).on('data', (data) => {
        received.update(data);
        back += data.length;
        if (back >= bytes) resolve();
      });
    });
    await once(socket, 'connect');
    let before = 0;
    let peak = 0;
    for (const piece of pieces(bytes)) {
      sent.update(piece);
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), complete]);
      peak = Math.max(peak, trial.server.memory);
      // What the first megabytes cost is compiled code.
      if (before === 0 && back > bytes / 8) before = trial.server.memory;
    }
    await complete;
    socket.destroy();

    trial.figure(`${bytes / MIB} MiB there and back, ${back === bytes ? 'none' : bytes - back} missing`);
    trial.figure(`memory grew ${((peak - before) / MIB).toFixed(1)} MiB at most`);
    trial.require('every byte comes back as it was', back === bytes && sent.digest('hex') === received.digest('hex'));
    trial.requireWhenQuiet('memory grows by less than 8 MiB', peak - before < 8 * MIB);
  },
};
