import { Admitting, conf, ev } from '../vocabulary.js';

class Server extends Admitting {
  override allow_deny_hook(): boolean {
    ev('allow_deny_hook');
    return false;
  }

  override request_denied_hook(): void {
    ev('request_denied_hook');
  }
}

export default () => Server.run(conf({ no_client_stdout: true }));
