// Answers each line by console.log, which writes to the client; ends with the line `end`.
const { MultiplexServer } = await import(process.env.NETMUX_LIBRARY);

class Server extends MultiplexServer {
  pre_loop_hook() {
    console.log(`listening ${this.listeners[0].localPort}`);
  }

  mux_input(_mux, _fh, data) {
    for (const line of data.lines()) {
      if (line === 'end') void this.netServer.close();
      else console.log('you said %s', line);
    }
  }

  mux_close() {
    console.log('closed');
  }
}

await Server.run({ port: 0, host: '127.0.0.1', no_client_stdout: false, log_level: 0 });
