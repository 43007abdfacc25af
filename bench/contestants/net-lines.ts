/** node:net as everybody writes it, sends back each line with a write of its own. `--no-delay`: without Nagle's algorithm. */
import { type AddressInfo, createServer } from 'node:net';

const server = createServer({ noDelay: process.argv.includes('--no-delay') }, (socket) => {
  let partial = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) socket.write(`${line}\n`);
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
