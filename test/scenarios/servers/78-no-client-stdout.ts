import { type Client, conf, type Handle, type InputBuffer, type Mux, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override mux_input(this: Client, _mux: Mux, fh: Handle, data: InputBuffer): void {
    data.consume();
    print('to-stdout\n');
    fh.print('to-client\n');
  }
}

export default () => Server.run(conf({ no_client_stdout: true }));
