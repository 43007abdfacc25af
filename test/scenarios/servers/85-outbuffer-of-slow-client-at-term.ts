import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override mux_input(this: Client, _mux: Mux, _fh: Handle, data: InputBuffer): void {
    data.consume();
    print('z'.repeat(8 * 1024 * 1024));
    ev('queued');
  }
}

export default () => Server.run(conf());
