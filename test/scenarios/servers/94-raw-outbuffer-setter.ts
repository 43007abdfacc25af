import { BareCallbacks, loopBare } from '../bare.js';
import { ev, type Handle, type InputBuffer, type Mux, show } from '../vocabulary.js';

class Callbacks extends BareCallbacks {
  override mux_input(mux: Mux, fh: Handle, data: InputBuffer): void {
    ev(`mux_input ${this.nameOf(fh)} buf=${show(data)}`);
    const command = data.take().toString().at(-1);
    if (command === 'o') ev(`outbuffer ${mux.outbuffer(fh, Buffer.from('AA'))}`);
    else if (command === 'w') ev(`write ${mux.write(fh, 'BB')}`);
    else ev(`inbuffer ${mux.inbuffer(fh, Buffer.from('keep'))}`);
  }
}

export default () => loopBare(new Callbacks());
