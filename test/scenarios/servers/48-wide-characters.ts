import { conf, type Handle, type InputBuffer, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(_fh: Handle, data: InputBuffer): void {
    data.consume();
    print('\u263aabc');
  }
}

export default () => Server.run(conf());
