import { type Client, conf, ev, type Handle, type InputBuffer, print, setting, Usual } from '../vocabulary.js';

const PORTS = [Number(setting('SCN_PORT')), Number(setting('SCN_PORT2'))];

class Server extends Usual {
  override connected(_fh: Handle, client: Client): void {
    ev(`port ${client.sockport === PORTS[0] ? 1 : 2}`);
  }

  override heard(_fh: Handle, data: InputBuffer): void {
    print(data.take().toString());
  }
}

export default () => Server.run(conf({ port: PORTS }));
