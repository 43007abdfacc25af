import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, Usual } from '../vocabulary.js';

class Server extends Usual {
  override mux_input(this: Client, mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): void {
    data.consume();
    ev(`print ${fh.print('a', 'b')}`);
    fh.printf('%03d', 7);
    fh.say('s');
    ev(`syswrite ${mux.write(fh, 'hello'.slice(1, 3))}`);
  }
}

export default () => Server.run(conf());
