import { writeSync } from 'node:fs';
import { BareCallbacks, loopBare } from '../bare.js';
import { ev, type Handle, type InputBuffer, type Mux, show } from '../vocabulary.js';

class Callbacks extends BareCallbacks {
  override mux_input(mux: Mux, fh: Handle, data: InputBuffer): void {
    ev(`mux_input ${this.nameOf(fh)} buf=${show(data)}`);
    data.consume();
    ev(`add again ${mux.add(fh) === undefined ? 'undef' : 'handle'}`);
    mux.setTimeout(fh, 0.1);
    const descriptor = mux.remove(fh);
    ev(`remove ${Number(descriptor >= 0)}`);
    writeSync(descriptor, 'still open\n');
  }
}

export default () => loopBare(new Callbacks());
