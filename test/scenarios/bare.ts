/** For the scenarios without a server class: a multiplexer that listens, and a callback object that writes the usual events. */
import { Mux, type MuxCallbacks } from 'netmux';
import { ev, type Handle, type InputBuffer, setting, show } from './vocabulary.js';

export class BareCallbacks implements MuxCallbacks {
  readonly #names = new Map<Handle, string>();
  #connections = 0;

  name(fh: Handle, name: string): void {
    this.#names.set(fh, name);
  }

  nameOf(fh: Handle): string {
    return this.#names.get(fh) ?? '?';
  }

  connected(_mux: Mux, _fh: Handle): void {}

  mux_connection(mux: Mux, fh: Handle): void {
    this.#connections += 1;
    this.name(fh, `c${this.#connections}`);
    ev(`mux_connection ${this.nameOf(fh)}`);
    this.connected(mux, fh);
  }

  mux_input(_mux: Mux, _fh: Handle, data: InputBuffer): void {
    data.consume();
  }

  mux_eof(_mux: Mux, fh: Handle, data: InputBuffer): void {
    ev(`mux_eof ${this.nameOf(fh)} buf=${show(data)}`);
  }

  mux_close(_mux: Mux, fh: Handle): void {
    ev(`mux_close ${this.nameOf(fh)}`);
  }

  mux_timeout(_mux: Mux, fh: Handle): void {
    ev(`mux_timeout ${this.nameOf(fh)}`);
  }
}

/**
 * Listens on the scenario's port and loops until nothing is left.
 * @param beforeLoop is called when the port is open
 */
export async function loopBare(callbacks: MuxCallbacks, beforeLoop: (mux: Mux) => void = () => {}): Promise<void> {
  const mux = new Mux();
  mux.setCallbackObject(callbacks);
  await mux.listen({ host: '127.0.0.1', port: Number(setting('SCN_PORT')) }).ready;
  ev('ready');
  beforeLoop(mux);
  await mux.loop();
  ev('loop returned');
}
