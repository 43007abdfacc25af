import { type Client, conf, type Handle, print, Timed } from '../vocabulary.js';

class Server extends Timed {
  override connected(fh: Handle): void {
    fh.setTimeout(0.15);
  }

  override rang(fh: Handle, client: Client): void {
    print('tick\n');
    client.count = (client.count ?? 0) + 1;
    if (client.count < 3) fh.setTimeout(0.15);
  }
}

export default () => Server.run(conf());
