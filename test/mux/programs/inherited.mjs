// Serves descriptor 0, whatever it is: a socket, a pipe, a terminal.
const { Mux } = await import(process.env.NETMUX_LIBRARY);
const mux = new Mux();
mux.setCallbackObject({
  mux_input(_, fh, data) {
    for (const line of data.lines()) {
      fh.write(`you said: ${line}\n`);
      if (line === 'quit') fh.close();
    }
  },
  mux_error: (_, __, error) => process.stderr.write(`error ${error.code}\n`),
});
const fh = mux.add(0);
process.stderr.write(`added ${fh.fd}\n`);
await mux.loop();
process.stderr.write('over\n');
