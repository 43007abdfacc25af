import type { Handle, Mux, MuxCallbacks } from 'netmux';
import { closed, each, exchange, openMany, openSocket, served } from '../clients.js';
import type { Program } from '../program.js';

/** Each of the callbacks that concern a connection, and `mux_refused`, which concerns the listener. */
const CALLBACKS = [
  'mux_connection',
  'mux_input',
  'mux_eof',
  'mux_close',
  'mux_timeout',
  'mux_outbuffer_empty',
  'mux_epipe',
  'mux_error',
  'mux_refused',
] as const satisfies readonly (keyof MuxCallbacks)[];

const VICTIMS = CALLBACKS.flatMap((callback) => [
  { callback, how: 'throws' as const },
  { callback, how: 'rejects' as const },
]);

/** The server knows by the address which callback is to fail, from `mux_connection` on. */
function addressOf(victim: number): string {
  return `127.3.0.${1 + victim}`;
}

function victimOf(fh: Handle) {
  const address = fh.remoteAddress ?? '';
  return address.startsWith('127.3.0.') ? VICTIMS[Number(address.slice('127.3.0.'.length)) - 1] : undefined;
}

class Planned extends Error {}

const isRefused = (callback: string): boolean => callback === 'mux_refused';

export const throwingCallbacks: Program = {
  name: 'throwing-callbacks',
  number: 'T31',
  shows: 'a callback that throws or rejects, each of them in turn, costs its own connection and nobody else',

  server(notes) {
    let refusals = 0;
    const fail = (callback: string, how: 'throws' | 'rejects'): unknown => {
      notes.add(`${callback} ${how}`);
      if (how === 'rejects') return Promise.reject(new Planned(callback));
      throw new Planned(callback);
    };
    const failIfVictim = (callback: string, fh: Handle): unknown => {
      const victim = victimOf(fh);
      return victim?.callback === callback ? fail(callback, victim.how) : undefined;
    };
    const simple = (callback: string) => (_mux: Mux, fh: Handle) => failIfVictim(callback, fh);
    return {
      mux: { maxConnectionsPerAddress: 1, exemptFromLimits: ['127.0.0.1/32'] },
      callbacks: {
        mux_connection: simple('mux_connection'),
        mux_input(_mux, fh, data) {
          const victim = victimOf(fh);
          const bytes = data.take();
          // The reset is to be seen by a write, not by a read: so it goes on writing without looking.
          if (victim?.callback === 'mux_epipe') {
            fh.pause();
            const writing = setInterval(() => (fh.closed ? clearInterval(writing) : fh.write(Buffer.alloc(65_536))), 1);
            return undefined;
          }
          if (victim?.callback === 'mux_timeout') fh.setTimeout(0);
          else fh.write(bytes);
          // `mux_error` is told of what this throws, and throws itself.
          if (victim?.callback === 'mux_error') throw new Planned('mux_input');
          return failIfVictim('mux_input', fh);
        },
        mux_eof: simple('mux_eof'),
        mux_close: simple('mux_close'),
        mux_timeout: simple('mux_timeout'),
        mux_outbuffer_empty: simple('mux_outbuffer_empty'),
        mux_epipe: simple('mux_epipe'),
        // The first report throws, the second rejects: the listener has to outlive both.
        mux_refused: () => fail('mux_refused', refusals++ % 2 === 0 ? 'throws' : 'rejects'),
        mux_error(_mux, fh, error) {
          if (error instanceof Planned) notes.add('told');
          return failIfVictim('mux_error', fh);
        },
      },
    };
  },

  async attack(trial) {
    const rounds = trial.long ? 100 : 3;
    const witnesses = await openMany(trial.port, 50);
    let left = 0;
    const play = async (number: number): Promise<void> => {
      const { callback } = VICTIMS[number]!;
      const socket = openSocket(trial.port, addressOf(number));
      const gone = closed(socket);
      if (isRefused(callback)) {
        // Each is refused only while another of its address is there.
        await exchange(socket, Buffer.from('first'));
        await closed(openSocket(trial.port, addressOf(number)).resume());
      }
      socket.resume();
      if (callback === 'mux_epipe') socket.once('data', () => socket.resetAndDestroy());
      socket.write('x');
      if (callback === 'mux_eof' || callback === 'mux_close' || isRefused(callback)) socket.end();
      await gone;
      left += 1;
    };
    const unanswered = await served(witnesses, 10, async () => {
      for (let round = 0; round < rounds; round += 1) {
        await each(VICTIMS.length, VICTIMS.length, play);
        // An address is free again when its connection has left the server, too.
        await trial.server.until(({ stats }) => stats.handles === witnesses.length);
      }
      // Refusals are told at most once a second.
      await trial.server.until(({ counts }) => counts['mux_refused throws'] !== undefined);
    });
    const newcomer = openSocket(trial.port);
    const welcome = await exchange(newcomer, Buffer.from('newcomer'));
    const { counts, stats } = await trial.server.report();
    const silent = VICTIMS.filter(({ callback, how }) => !isRefused(callback) && (counts[`${callback} ${how}`] ?? 0) < rounds).map(
      ({ callback, how }) => `${callback} ${how}`,
    );

    trial.figure(
      `${CALLBACKS.length} callbacks, each throwing and rejecting, ${rounds} rounds: ${stats.closed.threw} connections ended by it`,
    );
    trial.figure(`${counts.told ?? 0} told to mux_error, ${unanswered} messages of others lost`);
    trial.require(`each callback has failed (${silent.join(', ')})`, silent.length === 0 && counts['mux_refused throws'] !== undefined);
    trial.require('each connection concerned is closed', left === rounds * VICTIMS.length);
    trial.require('others are served', unanswered === 0);
    trial.require('who comes is served', welcome);
  },
};
