import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, nameOf, print, show, Usual } from '../vocabulary.js';

class Server extends Usual {
  override allow_deny(): boolean {
    ev('allow_deny');
    return true;
  }

  override get_client_info(): void {
    ev('get_client_info');
  }

  override mux_input(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): void {
    ev('mux_input', nameOf(this), `buf=${show(data)} is_udp=${Number(mux.isUdp(fh))} handles=${mux.handles().length}`);
    print(data.take().toString());
  }
}

export default () => Server.run(conf({ proto: 'udp' }));
