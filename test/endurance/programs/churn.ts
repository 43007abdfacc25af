import { closed, each, exchange, openSocket } from '../clients.js';
import type { Program } from '../program.js';

const TOGETHER = 64;

/** The first byte says that the server shall close the connection. */
const SERVER_CLOSES = 'S'.charCodeAt(0);

const MIB = 1024 * 1024;

/** Each port of an address that closed first is blocked for a minute: a million connections take many addresses. */
function sourceAddress(index: number): string {
  return `127.1.${index & 7}.${1 + ((index >> 3) & 127)}`;
}

/** Of ten connections the client ends four, the server three, and three are reset. */
function ending(index: number): 'client' | 'server' | 'reset' {
  return index % 10 < 4 ? 'client' : index % 10 < 7 ? 'server' : 'reset';
}

export const churn: Program = {
  name: 'churn',
  number: 'T01',
  shows: 'connections that come and go, ended by client, server or reset, leave nothing behind',

  // V8 enlarges what it keeps for garbage for minutes, to 32 MiB, and what its collectors work with along with it. That is no
  // connection's, and would hide what is: here it is one MiB from the beginning.
  nodeOptions: ['--max-semi-space-size=1'],

  server: () => ({
    callbacks: {
      mux_input(_mux, fh, data) {
        const close = data.at(0) === SERVER_CLOSES;
        fh.write(data.take());
        if (close) fh.close();
      },
      mux_eof() {},
      mux_epipe() {},
    },
  }),

  async attack(trial) {
    const connections = trial.connections ?? (trial.long ? 1_000_000 : 2_000);
    let lost = 0;
    const play = async (index: number): Promise<void> => {
      const how = ending(index);
      const socket = openSocket(trial.port, sourceAddress(index));
      const message = Buffer.alloc(64, `${how === 'server' ? 'S' : 'C'}${index} `);
      if (!(await exchange(socket, message))) lost += 1;
      if (how === 'reset') socket.resetAndDestroy();
      else socket.end();
      await closed(socket);
    };

    const warmUp = Math.floor(connections / 10);
    const descriptors = trial.server.descriptors;
    await each(warmUp, TOGETHER, play);
    await trial.server.until(({ stats }) => stats.handles === 0);
    const warm = await trial.server.settledMemory();
    await each(connections - warmUp, TOGETHER, (index) => play(warmUp + index));
    // A descriptor may linger behind its handle.
    const after = await trial.server.until(({ stats }) => stats.handles === 0 && trial.server.descriptors <= descriptors);
    const cold = await trial.server.settledMemory();
    const grown = cold.all - warm.all;
    const heapGrown = cold.heap - warm.heap;
    const leaked = trial.server.descriptors - descriptors;
    const ended = Object.values(after.stats.closed).reduce((sum, count) => sum + count, 0);

    trial.figure(`${connections} connections, ${lost} lost echoes, ${leaked} leaked descriptors, ${after.stats.handles} handles left`);
    trial.figure(`memory grew ${(grown / MIB).toFixed(2)} MiB, heap ${(heapGrown / 1024).toFixed(0)} KiB`);
    trial.require('every message is echoed', lost === 0);
    trial.require('no descriptor is leaked', leaked === 0);
    trial.require('no handle is left', after.stats.handles === 0);
    trial.require('each connection was counted as accepted and as ended', after.stats.accepted === connections && ended === connections);
    trial.requireWhenQuiet('memory grows by less than 1 MiB', grown < MIB);
    trial.requireWhenQuiet('the heap grows by less than 256 KiB', heapGrown < 256 * 1024);
  },
};
