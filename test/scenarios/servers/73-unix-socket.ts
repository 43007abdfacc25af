import { existsSync, statSync } from 'node:fs';
import { type Client, conf, ev, type Handle, type InputBuffer, print, runningPath, Usual } from '../vocabulary.js';

const PATH = runningPath('s');

class Server extends Usual {
  override connected(_fh: Handle, { peeraddr, peerport, sockaddr, sockport }: Client): void {
    ev(`props ${[peeraddr, peerport, sockaddr, sockport].map((value) => value ?? 'undef').join(',')}`);
  }

  override heard(_fh: Handle, data: InputBuffer): void {
    print(`<${data.take()}>`);
  }

  override allow_deny_hook(): boolean {
    ev('allow_deny_hook');
    return true;
  }

  override post_bind_hook(): void {
    ev(`post_bind_hook exists=${Number(statSync(PATH).isSocket())}`);
  }

  override server_exit(): void {
    ev(`server_exit exists=${Number(existsSync(PATH))}`);
  }
}

export default () => Server.run(conf({ port: `${PATH}|unix`, deny: ['.*'] }));
