import type { Handle, ListenOptions, Mux } from '../../src/index.js';
import { eventually, openMux } from '../mux/scene.js';

/** A daemon that receives datagrams, for what is told to syslog and systemd. On the native engine, since Node has no UNIX datagrams. */
export class DatagramReceiver {
  readonly messages: string[] = [];
  readonly #mux: Mux;
  readonly #socket: Handle;
  #loop: Promise<void> = Promise.resolve();

  private constructor(mux: Mux, socket: Handle) {
    this.#mux = mux;
    this.#socket = socket;
  }

  /** @param where a path, an abstract name (after a NUL), or nothing for a UDP port of 127.0.0.1 */
  static async open(where?: string): Promise<DatagramReceiver> {
    const mux = openMux('native');
    const address: ListenOptions = where === undefined ? { proto: 'udp', host: '127.0.0.1', port: 0 } : { path: where, proto: 'unixdgram' };
    const socket = mux.listen(address);
    const receiver = new DatagramReceiver(mux, socket);
    mux.setCallbackObject({
      mux_input: (_mux, _fh, data) => {
        receiver.messages.push(data.take().toString('latin1'));
      },
    });
    await socket.ready;
    receiver.#loop = mux.loop();
    return receiver;
  }

  get port(): number {
    return this.#socket.localPort!;
  }

  /** What it does when it is busy with something else. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends it; its socket is closed when the promise resolves. */
  async close(): Promise<void> {
    this.#mux.close(this.#socket);
    await this.#loop;
    await new Promise(setImmediate);
  }

  async until(count: number): Promise<readonly string[]> {
    await eventually(`${count} datagrams, not ${this.messages.length}`, () => this.messages.length >= count);
    return this.messages;
  }
}
