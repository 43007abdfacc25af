import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from 'netmux';
import { closed, each, openSocket } from '../clients.js';
import type { Program } from '../program.js';

/** Nothing, what the kernel takes at once, and what is still queued when the end comes. */
const SIZES = [0, 1000, 1024 * 1024];

const TOGETHER = 16;

/** Small, so that a megabyte is more than the kernel takes from a client that does not read. */
const KERNEL_BYTES = 64 * 1024;

/** How TCP_CLOSE_WAIT stands in /proc/net/tcp: the peer has ended, and this side never has. */
const CLOSE_WAIT = '08';

/** The first bytes of a request: who ends first, or where a reset comes. */
const ORDERS = [
  'client',
  'server',
  'both',
  'reset at once',
  'reset unread',
  'reset midway',
  'reset behind FIN',
  'reset behind own FIN',
] as const;
type Order = (typeof ORDERS)[number];

/** What a connection was told. */
interface Told {
  order: Order | undefined;
  ends: number;
  closes: number;
}

function told(fh: Handle): Told {
  return fh.data as Told;
}

const byte = (at: number): number => at % 251;
const PATTERN = Buffer.from(Array.from({ length: Math.max(...SIZES) }, (_, at) => byte(at)));

/** Reads until the end. @returns how many bytes came, −1 if one of them was wrong */
async function readAll(socket: Socket): Promise<number> {
  let received = 0;
  let wrong = false;
  socket.on('data', (bytes) => {
    wrong ||= !bytes.equals(PATTERN.subarray(received, received + bytes.length));
    received += bytes.length;
  });
  await Promise.race([once(socket, 'end'), closed(socket)]);
  return wrong ? -1 : received;
}

/** @returns whether all came that had to */
async function play(socket: Socket, order: Order, size: number): Promise<boolean> {
  await once(socket, 'connect');
  if (order === 'reset at once') {
    socket.resetAndDestroy();
    return true;
  }
  const request = `${order}:${size}\n`;
  if (order === 'client' || order === 'both' || order === 'reset behind own FIN') socket.end(request);
  else socket.write(request);
  if (order === 'reset unread' || order === 'reset behind own FIN') {
    socket.pause();
    // As soon as the first bytes are there, of which nobody will read any.
    if (size > 0) await Promise.race([once(socket, 'readable'), closed(socket)]);
    socket.resetAndDestroy();
    return true;
  }
  if (order === 'reset midway') {
    if (size > 0) await Promise.race([once(socket, 'data'), once(socket, 'end'), closed(socket)]);
    socket.resetAndDestroy();
    return true;
  }
  const received = await readAll(socket);
  if (order === 'reset behind FIN') socket.resetAndDestroy();
  else socket.end();
  return received === size;
}

/** How many connections of this port the other side has ended, and the server has not. */
function waitingForClose(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(local) && columns[3] === CLOSE_WAIT).length;
}

export const halfClose: Program = {
  name: 'half-close',
  number: 'T15',
  shows:
    'whoever ends first, client, server or both, or with a reset at each point: one end and one close are told, all output comes, nothing stays half closed',

  server(notes, { engine }) {
    const late = (fh: Handle): void => {
      if (told(fh).closes > 0) notes.add('after close');
    };
    return {
      mux: { allowHalfOpen: true, ...(engine === 'native' && { sendBufferSize: KERNEL_BYTES }) },
      callbacks: {
        mux_connection(_mux, fh) {
          fh.data = { order: undefined, ends: 0, closes: 0 } satisfies Told;
        },
        mux_input(_mux, fh, data) {
          late(fh);
          const [order, size] = (data.readLine() ?? '').split(':');
          if (order === '') return;
          told(fh).order = order as Order;
          if (Number(size) > 0) fh.write(PATTERN.subarray(0, Number(size)));
          if (order === 'server' || order === 'reset behind FIN') fh.shutdown(1);
          if (order === 'both') fh.close();
        },
        mux_eof(_mux, fh) {
          late(fh);
          const connection = told(fh);
          connection.ends += 1;
          if (connection.ends > 1) notes.add('ended twice');
          fh.close();
        },
        mux_close(_mux, fh) {
          const { order, ends } = told(fh);
          told(fh).closes += 1;
          if (told(fh).closes > 1) notes.add('closed twice');
          notes.add('closes');
          if ((order === 'client' || order === 'server') && ends !== 1) notes.add('not ended');
        },
        mux_epipe: (_mux, fh) => late(fh),
        mux_outbuffer_empty: (_mux, fh) => late(fh),
        mux_error: (_mux, _fh, error) => notes.add(`error ${error.code ?? error.message}`),
      },
    };
  },

  async attack(trial) {
    const cases = ORDERS.flatMap((order) => SIZES.map((size) => ({ order, size })));
    const rounds = trial.long ? 200 : 3;
    const incomplete = new Set<string>();
    await each(cases.length * rounds, TOGETHER, async (index) => {
      const { order, size } = cases[index % cases.length]!;
      const socket = openSocket(trial.port);
      if (!(await play(socket, order, size))) incomplete.add(`${order} with ${size} bytes`);
      // A paused socket never tells that it is closed.
      socket.resume();
      await closed(socket);
    });
    const begun = performance.now();
    const { stats, counts } = await trial.server.until((report) => report.stats.handles === 0);
    while (waitingForClose(trial.port) > 0 && performance.now() - begun < 60_000) await sleep(20);
    const took = performance.now() - begun;
    const played = cases.length * rounds;
    const errors = Object.keys(counts).filter((name) => name.startsWith('error'));

    trial.figure(`${played} connections, ${cases.length} cases: ${counts.closes ?? 0} closes, ${counts['closed twice'] ?? 0} twice`);
    trial.figure(
      `${counts['ended twice'] ?? 0} ends told twice, ${counts['not ended'] ?? 0} not told, ${counts['after close'] ?? 0} callbacks behind a close`,
    );
    trial.figure(`nothing in CLOSE_WAIT ${took.toFixed(0)} ms after the last one, ${stats.handles} handles left`);
    trial.require(`all output comes (${[...incomplete].join(', ')})`, incomplete.size === 0);
    trial.require('each connection is closed once', counts.closes === stats.accepted && counts['closed twice'] === undefined);
    trial.require('an end is told once', counts['ended twice'] === undefined && counts['not ended'] === undefined);
    trial.require('nothing is told behind a close', counts['after close'] === undefined);
    trial.require(`no error is told (${errors.join(', ')})`, errors.length === 0);
    trial.require('nothing is left', stats.handles === 0 && waitingForClose(trial.port) === 0);
    trial.requireWhenQuiet('nothing in CLOSE_WAIT after 1 s', took < 1000);
  },
};
