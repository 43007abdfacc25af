import { BareCallbacks, loopBare } from '../bare.js';
import type { Handle, InputBuffer, Mux } from '../vocabulary.js';

class Callbacks extends BareCallbacks {
  override mux_eof(mux: Mux, fh: Handle, data: InputBuffer): void {
    super.mux_eof(mux, fh, data);
    fh.print('bye\n');
  }
}

export default () => loopBare(new Callbacks());
