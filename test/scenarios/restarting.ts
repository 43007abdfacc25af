import { ev, Usual } from './vocabulary.js';

const ONE_TCP_SOCKET = /^\d+\|127\.0\.0\.1\|\d+\|TCP\|ipv4$/;

/** Writes what a restart does. */
export class Restarting extends Usual {
  override restart_open_hook(): void {
    const sockets = process.env.BOUND_SOCKETS ?? '';
    ev(`restart_open_hook BOUND_SOCKETS=${ONE_TCP_SOCKET.test(sockets) ? 'fd|host|port|TCP|ipv4' : sockets}`);
  }

  override restart_close_hook(): void {
    ev('restart_close_hook');
  }

  override pre_server_close_hook(): void {
    ev('pre_server_close_hook');
  }

  override post_child_cleanup_hook(): void {
    ev('post_child_cleanup_hook');
  }

  override post_bind_hook(): void {
    const { PATH, BOUND_SOCKETS, SCN_PID } = process.env;
    const isSet = (value: string | undefined) => (value === undefined ? 'unset' : 'set');
    const isSame = SCN_PID === undefined ? 'first' : Number(SCN_PID === String(process.pid));
    ev(`post_bind_hook PATH=${isSet(PATH)} BOUND_SOCKETS=${isSet(BOUND_SOCKETS)} args=${this.args.join(' ')} pid-same=${isSame}`);
    process.env.SCN_PID = String(process.pid);
  }
}
