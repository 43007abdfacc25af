import { conf, ev, type Handle, type InputBuffer, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(_fh: Handle, data: InputBuffer): void {
    const text = data.take().toString('latin1');
    if (text.includes('boom')) throw new Error('boom');
    print(text);
  }

  override pre_server_close_hook(): void {
    ev('pre_server_close_hook');
  }
}

export default () => Server.run(conf());
