/**
 * The hooks of a server, all of them empty: methods under the original's names, for a class to override. Those that may return a
 * promise are waited for, since nobody else waits meanwhile; the others run while the loop does.
 *
 * A throw at start-up, and a rejection, is fatal. While connections are admitted it refuses the client; at the end it is logged.
 */
export abstract class ServerHooks<Client> {
  /** The object exists; no option has been read yet. */
  configure_hook(): void | Promise<void> {}

  /** All options are known, the log is open, the pid file is written; nothing is bound yet. */
  post_configure_hook(): void | Promise<void> {}

  /** All ports are bound; privileges are still those of the starting user. */
  post_bind_hook(): void | Promise<void> {}

  /** Privileges are dropped; the loop begins next. */
  pre_loop_hook(): void | Promise<void> {}

  /** A connection was accepted; nothing was asked about it yet. While a promise is pending, its input waits. */
  post_accept_hook(_client: Client): void | Promise<void> {}

  /**
   * Decides about a client that the access lists admit. While a promise is pending, the client waits, and nobody else does;
   * where it takes longer than `allow_deny_timeout` seconds, or fails, the client is refused.
   */
  allow_deny_hook(_client: Client): boolean | Promise<boolean> {
    return true;
  }

  /** A client is refused. What is written to it here is sent before it is closed. */
  request_denied_hook(_client: Client): void {}

  /** A handle was closed: of a client, denied or not, or a datagram socket. Its `mux_close` comes next. */
  post_process_request_hook(): void {}

  /** The server is going to end: connections are closed already. */
  pre_server_close_hook(): void | Promise<void> {}

  /** The end has been logged; pid file and sockets go next. */
  post_child_cleanup_hook(): void | Promise<void> {}

  /** After a restart, before the sockets of the program before are taken over. */
  restart_open_hook(): void | Promise<void> {}

  /** Before a restart: the last thing that happens in this program. */
  restart_close_hook(): void | Promise<void> {}

  /**
   * Something makes it impossible to go on. The closing hooks follow.
   * @param _error as text it is its message
   * @param _origin `netmux`
   * @param _file where `fatal` was called, or the error was made
   */
  fatal_hook(_error: Error, _origin: string, _file: string, _line: number): void | Promise<void> {}

  /** Called every `check_for_dequeue` seconds, counted from its end, that of its promise included. */
  run_dequeue?(): unknown;
}
