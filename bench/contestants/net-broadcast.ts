/** node:net as everybody writes it, sends back each line; one that begins with a blank goes to everybody. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const sockets = new Set<Socket>();

const server = createServer((socket) => {
  let partial = '';
  sockets.add(socket);
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith(' ')) {
        const message = Buffer.from(`${line}\n`);
        for (const receiver of sockets) receiver.write(message);
      } else {
        socket.write(`${line}\n`);
      }
    }
  });
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
