/** node:net with `socket.setTimeout`. The orders are those of netmux-timers.ts. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Lateness, type LatenessFigures } from './lateness.js';

const IDLE_MS = 600_000;

const sockets: Socket[] = [];

let armed = 0;

function arm(count: number): number {
  const end = Math.min(armed + count, sockets.length);
  while (armed < end) sockets[armed++]!.setTimeout(IDLE_MS);
  return armed;
}

function move(count: number): bigint {
  const begin = process.hrtime.bigint();
  for (let i = 0, at = 0; i < count; i++) {
    sockets[at]!.setTimeout(IDLE_MS);
    if (++at === armed) at = 0;
  }
  return process.hrtime.bigint() - begin;
}

function late(count: number, done: (figures: LatenessFigures) => void): void {
  const lateness = new Lateness(count, done);
  setImmediate(() => {
    for (const [index, socket] of sockets.slice(0, count).entries()) {
      const { delayMs, came } = lateness.next(index);
      socket.removeAllListeners('timeout');
      socket.setTimeout(delayMs, () => {
        socket.setTimeout(0);
        came();
      });
    }
  });
}

const server = createServer((socket) => {
  let partial = '';
  sockets.push(socket);
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('arm ')) socket.write(`armed ${arm(Number(line.slice(4)))}\n`);
      else if (line.startsWith('move ')) socket.write(`moved ${move(Number(line.slice(5)))}\n`);
      else if (line.startsWith('late ')) late(Number(line.slice(5)), (figures) => socket.write(`late ${JSON.stringify(figures)}\n`));
      else socket.write(`${line}\n`);
    }
  });
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
