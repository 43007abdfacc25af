import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle<Client>, data: InputBuffer, _client: Client, mux: Mux<Client>): void {
    mux.shutdown(fh, data.take().toString() === '0' ? 0 : 1);
    ev(`after shutdown known=${Number(mux.handles().includes(fh))}`);
  }
}

export default () => Server.run(conf());
