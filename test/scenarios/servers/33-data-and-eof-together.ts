import { block, conf, type Handle, type InputBuffer, Usual } from '../vocabulary.js';

class Server extends Usual {
  override connected(): void {
    block(200);
  }

  override heard(_fh: Handle, data: InputBuffer): void {
    data.consume(2);
  }
}

export default () => Server.run(conf());
