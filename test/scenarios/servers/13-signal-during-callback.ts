import { conf, type Handle, type InputBuffer, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(_fh: Handle, data: InputBuffer): void {
    data.consume();
    process.kill(process.pid, 'SIGTERM');
  }
}

export default () => Server.run(conf());
