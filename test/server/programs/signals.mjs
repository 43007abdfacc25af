// A server that tells on its standard output what it does. Each message is a number: so many bytes are queued in answer; `term` has it
// send itself TERM from within the callback. Arguments are options of the server.
const { MultiplexServer } = await import(process.env.NETMUX_LIBRARY);

class Server extends MultiplexServer {
  pre_loop_hook() {
    console.log(`listening ${this.listeners[0].localPort}`);
    for (const { localPort } of this.listeners.slice(1)) console.log(`and ${localPort}`);
  }

  mux_input(_mux, fh, data) {
    const message = data.take().toString();
    if (message === 'term') {
      fh.print('queued before the signal acts');
      process.kill(process.pid, 'SIGTERM');
    } else {
      fh.print('z'.repeat(Number(message)));
      console.log('queued');
    }
  }

  mux_close() {
    console.log('mux_close');
  }

  sig_hup() {
    console.log('sig_hup');
  }

  server_close(value) {
    console.log('closing');
    return super.server_close(value);
  }

  pre_server_close_hook() {
    console.log('pre_server_close_hook');
  }
}

// A port on the command line goes before this one.
const port = process.env.WITHOUT_PORT === '1' ? {} : { port: 0 };

await Server.run({ ...port, host: '127.0.0.1', handle_signals: true, log_level: 0, max_outbuffer: 0 });
console.log('run is over');
