import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle<Client>, data: InputBuffer, _client: Client, mux: Mux<Client>): void {
    data.consume();
    print('z'.repeat(8 * 1024 * 1024));
    ev(`outbuffer ${mux.outbuffer(fh)?.length}`);
  }
}

export default () => Server.run(conf());
