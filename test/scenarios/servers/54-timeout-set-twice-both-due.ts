import { block, conf, type Handle, Timed } from '../vocabulary.js';

class Server extends Timed {
  override connected(fh: Handle): void {
    fh.setTimeout(0.1);
    fh.setTimeout(0.2);
    block(400);
  }
}

export default () => Server.run(conf());
