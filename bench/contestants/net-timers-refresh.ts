/** node:net with one `Timeout` object for each connection, moved by `refresh`. The orders are those of netmux-timers.ts. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const IDLE_MS = 600_000;

const sockets: Socket[] = [];
const timers: NodeJS.Timeout[] = [];

function arm(count: number): number {
  const end = Math.min(timers.length + count, sockets.length);
  for (const socket of sockets.slice(timers.length, end)) timers.push(setTimeout(() => socket.destroy(), IDLE_MS));
  return timers.length;
}

function move(count: number): bigint {
  const begin = process.hrtime.bigint();
  for (let i = 0, at = 0; i < count; i++) {
    timers[at]!.refresh();
    if (++at === timers.length) at = 0;
  }
  return process.hrtime.bigint() - begin;
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
      else socket.write(`${line}\n`);
    }
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
