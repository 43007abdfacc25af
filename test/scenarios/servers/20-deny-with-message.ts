import { Admitting, conf, ev, print } from '../vocabulary.js';

class Server extends Admitting {
  override allow_deny_hook(): boolean {
    ev('allow_deny_hook');
    return false;
  }

  override request_denied_hook(): void {
    ev('request_denied_hook');
    print('Go away!\n');
  }
}

export default () => Server.run(conf());
