/** Bun.listen, echo. Its sockets keep nothing: what is not taken must be kept and sent when there is room. */
interface Client {
  rest: Uint8Array[];
}

/** @returns what was not taken */
function send(socket: BunSocket<Client>, bytes: Uint8Array): Uint8Array | undefined {
  const taken = Math.max(0, socket.write(bytes));
  return taken < bytes.length ? bytes.subarray(taken) : undefined;
}

const server = Bun.listen<Client>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.data = { rest: [] };
    },
    data(socket, data) {
      const rest = socket.data.rest.length > 0 ? data : send(socket, data);
      if (rest !== undefined) socket.data.rest.push(rest.slice());
    },
    drain(socket) {
      const waiting = socket.data.rest;
      while (waiting.length > 0) {
        const rest = send(socket, waiting[0]!);
        if (rest !== undefined) {
          waiting[0] = rest;
          return;
        }
        waiting.shift();
      }
    },
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);

export {};
