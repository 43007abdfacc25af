import type { MuxCallbacks } from 'netmux';
import { loopBare } from '../bare.js';
import { block, ev } from '../vocabulary.js';

/** Passes in which connections came: what is accepted before Node's loop comes round is one. */
let passes = 0;
let isWithin = false;

const callbacks: MuxCallbacks = {
  mux_connection() {
    if (!isWithin) {
      passes += 1;
      isWithin = true;
      setImmediate(() => {
        isWithin = false;
      });
    }
    ev(`connection in pass ${passes}`);
  },
  mux_input: (_mux, _fh, data) => data.consume(),
};

/** The clients come before the loop begins. */
const HEAD_START_MS = 1000;

export default () => loopBare(callbacks, () => block(HEAD_START_MS));
