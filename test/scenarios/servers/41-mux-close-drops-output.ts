import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle<Client>, data: InputBuffer, _client: Client, mux: Mux<Client>): void {
    data.consume();
    fh.print('lost\n');
    mux.close(fh);
    ev(`after close print=${fh.print('more\n') ?? false}`);
  }
}

export default () => Server.run(conf());
