import { conf, type Handle, type InputBuffer, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(_fh: Handle, data: InputBuffer): void {
    data.consume();
    print('bye\n');
    process.kill(process.pid, 'SIGTERM');
  }
}

export default () => Server.run(conf());
