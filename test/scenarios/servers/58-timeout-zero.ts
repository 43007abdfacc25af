import { conf, ev, type Handle, type InputBuffer, Timed } from '../vocabulary.js';

class Server extends Timed {
  override heard(fh: Handle, data: InputBuffer): void {
    data.consume();
    fh.setTimeout(0);
    ev('armed');
  }
}

export default () => Server.run(conf());
