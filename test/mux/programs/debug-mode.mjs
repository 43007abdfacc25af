// Keeps its input beyond the callback and looks at it in the next one, which is another client's; prints what it sees.
import { once } from 'node:events';
import { connect } from 'node:net';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const mux = new Mux();
const kept = [];

function attempt(look) {
  try {
    return look();
  } catch (error) {
    return error.code ?? error.message;
  }
}

mux.setCallbackObject({
  mux_input(_, fh, data) {
    if (kept.length > 0) {
      const [input, view, alias] = kept;
      console.log(
        JSON.stringify({ sameObject: input === data, input: attempt(() => input.toString()), view: view.toString(), alias: alias.length }),
      );
    }
    const view = data.view();
    kept.push(data, view, new Uint8Array(view.buffer, view.byteOffset, view.length));
    fh.write('seen');
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
const loop = mux.loop();
for (const text of ['one', 'two']) {
  const socket = connect({ host: '127.0.0.1', port: listener.localPort });
  socket.write(text);
  await once(socket, 'data');
  socket.destroy();
}
mux.endLoop();
await loop;
