import { type Client, conf, ev, type Handle, type InputBuffer, nameOf, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle, data: InputBuffer): void {
    data.consume();
    print('bye\n');
    fh.close();
    ev('after close');
  }

  override mux_outbuffer_empty(this: Client): void {
    ev('mux_outbuffer_empty', nameOf(this));
  }
}

export default () => Server.run(conf());
