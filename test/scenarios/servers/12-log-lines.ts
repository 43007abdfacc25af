import { MultiplexServer } from 'netmux';
import { type Client, conf, ev, type Handle, type InputBuffer, type Mux, print } from '../vocabulary.js';

class Srv extends MultiplexServer {
  override pre_loop_hook(): void {
    ev('ready');
  }

  override write_to_log_hook(level: number, text: string): void {
    const masked = text
      .replace(/\d{4}\/\d\d\/\d\d-\d\d:\d\d:\d\d/g, 'TIME')
      .replace(/(Peer: "\[.*?\]):\d+/, '$1:PEER')
      .replace(/'[0-9 ]+'/, "'IDS'");
    ev(`log ${level} ${masked}`);
  }

  override mux_input(this: Client, _mux: Mux, _fh: Handle, data: InputBuffer): void {
    data.consume();
    this.log(3, 'got it');
    this.log(5, 'too verbose');
    print('k');
  }
}

export default () => Srv.run(conf({ log_level: 4 }));
