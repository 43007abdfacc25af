import { type Client, conf, type Handle, type InputBuffer, type Mux, print, Usual } from '../vocabulary.js';

/** The names that the original gives to what the framework sets. */
const FIELDS = { connected: 'connected', netServer: 'net_server', peeraddr: 'peeraddr' } as const;

class Server extends Usual {
  override mux_input(this: Client, _mux: Mux, _fh: Handle, data: InputBuffer): void {
    this.seen = (this.seen ?? '') + data.take().toString();
    const set = Object.entries(FIELDS).filter(([name]) => this[name as keyof typeof FIELDS] !== undefined);
    print(`${this.seen} ${set.map(([, original]) => original).join(',')}\n`);
  }
}

export default () => Server.run(conf());
