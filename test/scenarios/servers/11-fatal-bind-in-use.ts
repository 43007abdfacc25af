import { once } from 'node:events';
import { createServer } from 'node:net';
import { conf, ev, setting, Usual } from '../vocabulary.js';

class Server extends Usual {
  override fatal_hook(error: Error, origin: string): void {
    ev(`fatal_hook [${error}] package=${origin}`);
  }

  override pre_server_close_hook(): void {
    ev('pre_server_close_hook');
  }

  override post_child_cleanup_hook(): void {
    ev('post_child_cleanup_hook');
  }

  override server_exit(value?: number): void {
    ev(`server_exit ${value}`);
    process.exit(value);
  }
}

export default async () => {
  await once(createServer().listen(Number(setting('SCN_PORT')), '127.0.0.1'), 'listening');
  await Server.run(conf());
};
