import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle<Client>, data: InputBuffer, _client: Client, mux: Mux<Client>): void {
    data.consume();
    ev(`write one=${mux.write(fh, 'one\n')}`);
    mux.shutdown(fh, 1);
    ev(`write two=${mux.write(fh, 'two\n') ?? 'undef'}${fh.writable ? '' : ' EPIPE'}`);
  }
}

export default () => Server.run(conf());
