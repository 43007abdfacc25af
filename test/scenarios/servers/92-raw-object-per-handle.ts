import type { MuxCallbacks } from 'netmux';
import { BareCallbacks, loopBare } from '../bare.js';
import { ev, type Handle, type InputBuffer, type Mux } from '../vocabulary.js';

const B: MuxCallbacks = {
  mux_input: (_mux, _fh, data) => {
    ev(`B mux_input ${data.take()}`);
  },
};

const UNKNOWN = {} as Handle;

class Callbacks extends BareCallbacks {
  override connected(mux: Mux, fh: Handle): void {
    const nameOf = (object: MuxCallbacks | undefined) =>
      object === undefined ? 'undef' : object === B ? 'B' : object === this ? 'main' : '?';
    ev(`previous ${nameOf(mux.setCallbackObject(B, fh))}`);
    ev(`previous ${nameOf(mux.setCallbackObject(B, fh))}`);
    ev(`unknown ${nameOf(mux.setCallbackObject(B, UNKNOWN))}`);
    ev(`default ${nameOf(mux.setCallbackObject(this))}`);
  }

  override mux_input(_mux: Mux, _fh: Handle, data: InputBuffer): void {
    ev('main mux_input');
    data.consume();
  }
}

export default () => loopBare(new Callbacks());
