// Echoes, and tells what went wrong: with its listener or with a client, by its error code.
const { Mux } = await import(process.env.NETMUX_LIBRARY);
const mux = new Mux();
mux.setCallbackObject({
  mux_input: (_, fh, data) => fh.write(data.take()),
  mux_error: (_, fh, error) => console.log(`error ${fh === listener ? 'listener' : 'client'} ${error.code}`),
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
console.log(`listening ${listener.localPort}`);
await mux.loop();
