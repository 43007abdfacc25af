import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { BareCallbacks, loopBare } from '../bare.js';
import { ev, type Handle, type InputBuffer, type Mux, runningPath, show } from '../vocabulary.js';

class Callbacks extends BareCallbacks {
  override mux_input(_mux: Mux, fh: Handle, data: InputBuffer): void {
    ev(`mux_input ${this.nameOf(fh)} buf=${show(data)}`);
    data.consume();
  }
}

export default () => {
  const callbacks = new Callbacks();
  return loopBare(callbacks, (mux) => {
    const path = runningPath('fifo'); // Node has no name for pipe(2)
    spawnSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    try {
      const pipe = mux.add(reader) as Handle;
      callbacks.name(pipe, 'pipe');
      ev(`is_udp ${Number(mux.isUdp(pipe))}`);
      ev(`handles ${mux.handles().length}`);
    } catch (error) {
      ev(`add ${(error as NodeJS.ErrnoException).code}`);
    }
    writeSync(writer, 'data');
    closeSync(writer);
  });
};
