import { type Client, conf, ev, nameOf, Usual } from '../vocabulary.js';

class Server extends Usual {
  override mux_epipe(this: Client): void {
    ev('mux_epipe', nameOf(this));
  }
}

export default () => Server.run(conf());
