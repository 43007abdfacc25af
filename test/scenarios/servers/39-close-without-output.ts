import { conf, ev, type Handle, type InputBuffer, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle, data: InputBuffer): void {
    data.consume();
    fh.close();
    ev('after close');
  }
}

export default () => Server.run(conf());
