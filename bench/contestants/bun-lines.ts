/** Bun.listen, sends back each line with a write of its own. Its sockets keep nothing: what is not taken must be kept. */
interface LineClient {
  partial: string;
  rest: string;
}

/** Lines are ASCII here, so characters are bytes. */
function send(socket: BunSocket<LineClient>, text: string): void {
  if (socket.data.rest !== '') {
    socket.data.rest += text;
    return;
  }
  const taken = Math.max(0, socket.write(text));
  if (taken < text.length) socket.data.rest = text.slice(taken);
}

const decoder = new TextDecoder('latin1');

const server = Bun.listen<LineClient>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.data = { partial: '', rest: '' };
    },
    data(socket, data) {
      const lines = (socket.data.partial + decoder.decode(data)).split('\n');
      socket.data.partial = lines.pop() ?? '';
      for (const line of lines) send(socket, `${line}\n`);
    },
    drain(socket) {
      const text = socket.data.rest;
      socket.data.rest = '';
      send(socket, text);
    },
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);

export {};
