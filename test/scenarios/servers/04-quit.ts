import { conf, ev, Usual } from '../vocabulary.js';

class Server extends Usual {
  override pre_server_close_hook(): void {
    ev('pre_server_close_hook');
  }
}

export default () => Server.run(conf());
