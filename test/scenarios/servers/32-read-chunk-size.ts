import { block, type Client, conf, ev, type Handle, type InputBuffer, type Mux, nameOf, Usual } from '../vocabulary.js';

class Server extends Usual {
  override mux_connection(this: Client): void {
    this.id = this.netServer.requests;
    block(300);
    ev('mux_connection', nameOf(this));
  }

  override mux_input(this: Client, _mux: Mux, _fh: Handle, data: InputBuffer): void {
    ev('mux_input', nameOf(this), `len=${data.length}`);
    data.consume();
  }
}

export default () => Server.run(conf());
