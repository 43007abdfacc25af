// Answers each input with 10,000 numbered lines of 16 bytes, each by a write of its own, inside one callback.
const WRITES = 10_000;

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const mux = new Mux();
mux.setCallbackObject({
  mux_input(_, fh, data) {
    data.consume();
    for (let n = 0; n < WRITES; n += 1) fh.write(`${String(n).padStart(15, '.')}\n`);
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
console.log(`listening ${listener.localPort}`);
await mux.loop();
