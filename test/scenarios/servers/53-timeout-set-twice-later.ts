import { type Client, conf, type Handle, type Mux, print, Timed } from '../vocabulary.js';

class Server extends Timed {
  override connected(fh: Handle<Client>, _client: Client, mux: Mux<Client>): void {
    mux.setTimeout(fh, 0.2);
    mux.setTimeout(fh, 0.6);
  }

  override rang(): void {
    print('tick\n');
  }
}

export default () => Server.run(conf());
