/** netmux, echo, as a MultiplexServer: an object for each client. The engine is chosen by NETMUX_ENGINE. */
import { type Handle, type InputBuffer, MultiplexClient, MultiplexServer, type Mux } from 'netmux';

class Client extends MultiplexClient {
  override mux_input(_mux: Mux<this>, fh: Handle<this>, data: InputBuffer): void {
    fh.write(data);
    data.consume();
  }
}

class EchoServer extends MultiplexServer<Client> {
  override Client = Client;
}

const server = new EchoServer({ port: 0, host: '127.0.0.1', log_level: 0 });
void server.run();
await server.ready;
console.log(`listening on 127.0.0.1:${server.listeners[0]!.localPort} (engine: ${server.mux.engine})`);
