import { conf, type Handle, Usual } from '../vocabulary.js';

class Server extends Usual {
  override connected(fh: Handle): void {
    fh.setTimeout(0.1);
  }
}

export default () => Server.run(conf());
