import { MultiplexServer } from 'netmux';
import { conf, ev, type InputBuffer } from '../vocabulary.js';

/** Everything that could be called, the original's names for what this kind of server never calls among it. */
const NAMES = [
  ...['configure_hook', 'configure', 'post_configure', 'initialize_logging', 'post_configure_hook', 'pre_bind', 'bind'],
  ...['restart_open_hook', 'post_bind_hook', 'post_bind', 'pre_loop_hook', 'loop', 'pre_server_close_hook', 'server_close'],
  ...['post_child_cleanup_hook', 'restart_close_hook', 'hup_server', 'shutdown_sockets', 'server_exit', 'sig_hup', 'fatal_hook'],
  ...['accept', 'run_client_connection', 'setup_client_connection', 'post_accept', 'get_client_info', 'post_accept_hook'],
  ...['allow_deny', 'allow_deny_hook', 'request_denied_hook', 'process_request', 'post_process_request_hook', 'post_process_request'],
  ...['post_client_connection_hook', 'can_read_hook', 'done', 'run_dequeue', 'pre_fork_hook', 'child_init_hook', 'close_client_stdout'],
];

class Server extends MultiplexServer {}

const inherited = MultiplexServer.prototype as unknown as Record<string, ((...values: unknown[]) => unknown) | undefined>;

function define(name: string, body: (this: object, ...values: unknown[]) => unknown): void {
  const value = function (this: object, ...values: unknown[]) {
    ev(`${'netServer' in this ? '(mux object) ' : ''}${name}`);
    return body.apply(this, values);
  };
  Object.defineProperty(Server.prototype, name, { value });
}

for (const name of NAMES) {
  define(name, function (...values) {
    if (name === 'pre_loop_hook') ev('ready');
    return inherited[name]?.apply(this, values);
  });
}
for (const name of ['mux_connection', 'mux_eof', 'mux_close']) define(name, () => undefined);
define('mux_input', (_mux, _fh, data) => (data as InputBuffer).consume());

export default () => Server.run(conf());
