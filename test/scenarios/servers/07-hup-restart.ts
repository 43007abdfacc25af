import { Restarting } from '../restarting.js';
import { conf, type Handle, type InputBuffer, print } from '../vocabulary.js';

class Server extends Restarting {
  override heard(_fh: Handle, data: InputBuffer): void {
    data.consume();
    print('pong\n');
  }
}

export default () => Server.run(conf());
