import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle<Client>, data: InputBuffer, _client: Client, mux: Mux<Client>): void {
    data.consume();
    for (const other of mux.handles()) if (other !== fh) mux.close(other);
    ev('kicked');
    print('done\n');
  }
}

export default () => Server.run(conf());
