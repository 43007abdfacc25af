import { block, conf, ev, type Handle, type InputBuffer, Timed } from '../vocabulary.js';

class Server extends Timed {
  override connected(fh: Handle): void {
    fh.setTimeout(0.3);
  }

  override heard(_fh: Handle, data: InputBuffer): void {
    data.consume();
    block(500);
    ev('unblocked');
  }
}

export default () => Server.run(conf());
