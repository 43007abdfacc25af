import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, Usual } from '../vocabulary.js';

class Server extends Usual {
  override mux_input(this: Client, mux: Mux<Client>, _fh: Handle<Client>, data: InputBuffer): void {
    const handles = mux.handles();
    ev(`handles ${handles.length}`);
    const text = data.take().toString();
    for (const fh of handles) fh.print(`${this.id}: ${text}`);
  }
}

export default () => Server.run(conf());
