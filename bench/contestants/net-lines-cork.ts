/** node:net by somebody who knows about `cork`: the answers to one chunk leave together. Sends back each line. */
import { type AddressInfo, createServer } from 'node:net';

const server = createServer((socket) => {
  let partial = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    socket.cork();
    for (const line of lines) socket.write(`${line}\n`);
    socket.uncork();
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
