// Serves a listening socket that it was given as descriptor 3.
const { Mux } = await import(process.env.NETMUX_LIBRARY);
const mux = new Mux();
mux.setCallbackObject({
  mux_connection: (_, fh) => fh.write(`hello from ${process.pid}`),
  mux_input: (_, fh, data) => fh.write(data.take()),
});
const listener = await mux.listen({ fd: 3 }).ready;
console.log(`listening ${listener.localPort}`);
await mux.loop();
