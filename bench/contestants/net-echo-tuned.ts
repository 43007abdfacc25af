/**
 * node:net by somebody who knows about `onread`, echo: all sockets read into one buffer. The option is for outgoing connections
 * only, so each accepted handle gets a new socket around it, by ways that Node does not document. What is written must be a copy:
 * the buffer is read into again before the kernel has taken everything.
 */
import { type AddressInfo, createServer, Socket, type SocketConstructorOpts } from 'node:net';

const READ_BYTES = 65_536;

const buffer = Buffer.alloc(READ_BYTES);

interface AcceptedSocket {
  _handle: unknown;
}

function serve(accepted: Socket & AcceptedSocket): void {
  const handle = accepted._handle;
  accepted._handle = null;
  const onread = {
    buffer,
    callback(bytes: number): boolean {
      socket.write(Buffer.from(buffer.subarray(0, bytes)));
      return true;
    },
  };
  const socket: Socket = new Socket({ handle, onread, readable: true, writable: true } as SocketConstructorOpts);
  socket.on('error', () => socket.destroy());
  socket.resume();
}

const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => serve(socket as Socket & AcceptedSocket));
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
