import { conf, type Handle, print, Timed } from '../vocabulary.js';

class Server extends Timed {
  override connected(fh: Handle): void {
    fh.setTimeout(0.2);
  }

  override rang(): void {
    print('tick\n');
  }
}

export default () => Server.run(conf());
