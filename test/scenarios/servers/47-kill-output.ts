import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, nameOf, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(fh: Handle<Client>, data: InputBuffer, _client: Client, mux: Mux<Client>): void {
    if (data.take().toString() === 'k') {
      print('dropped');
      mux.killOutput(fh);
      ev(`outbuffer ${mux.outbuffer(fh)?.length}`);
    } else {
      print('kept');
    }
  }

  override mux_outbuffer_empty(this: Client): void {
    ev('mux_outbuffer_empty', nameOf(this));
  }
}

export default () => Server.run(conf());
