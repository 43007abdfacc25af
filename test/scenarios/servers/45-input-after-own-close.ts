import { block, conf, type Handle, type InputBuffer, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle, data: InputBuffer): void {
    data.consume();
    if (!fh.writable) return;
    block(300);
    print('z'.repeat(8 * 1024 * 1024));
    fh.close();
  }
}

export default () => Server.run(conf());
