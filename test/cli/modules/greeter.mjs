// A class of servers with a class of clients and an option of its own.
const { MultiplexClient, MultiplexServer } = await import(process.env.NETMUX_LIBRARY);

class Client extends MultiplexClient {
  mux_connection(_mux, fh) {
    fh.say(this.netServer.get_property('greeting'));
  }
}

export default class Greeter extends MultiplexServer {
  Client = Client;

  options() {
    return { greeting: { type: 'string', default: 'hello', meaning: 'what clients are told first' } };
  }

  default_values() {
    return { host: '127.0.0.1', umask: 0o27 };
  }

  default_port() {
    return 0;
  }

  pre_loop_hook() {
    console.log(`listening ${this.listeners[0].localPort} ${this.args.join()}`);
  }
}
