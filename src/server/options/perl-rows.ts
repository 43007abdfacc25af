import type { OptionRow, OptionTable, OptionType } from './option-row.js';

const FORKS = 'for servers that fork';
const ONE_PROCESS = 'netmux serves all clients in one process';
const NO_TLS = 'netmux has no TLS: terminate it in front';
const NO_LOG4PERL = 'netmux logs to a file, stderr, syslog or log_function';

function rows(reason: string, type: OptionType, ...names: readonly string[]): [string, OptionRow][] {
  return names.map((name) => [name, { type, meaning: reason, perlOnly: reason }]);
}

/**
 * Options of Net::Server and its other personalities that mean nothing here. A configuration that names them keeps working:
 * each costs a warning.
 */
export const PERL_ROWS: OptionTable = Object.fromEntries([
  ...rows('a choice between Perl modules', 'any', 'ipv6_package', 'server_type'),
  ...rows(FORKS, 'boolean', 'no_close_by_child', 'leave_children_open_on_hup'),
  ...rows(ONE_PROCESS, 'any', 'max_servers', 'min_servers', 'min_spare_servers', 'max_spare_servers', 'max_requests'),
  ...rows(ONE_PROCESS, 'any', 'max_dequeue', 'check_for_dead', 'check_for_waiting', 'check_for_spawn', 'min_child_ttl'),
  ...rows(ONE_PROCESS, 'any', 'serialize', 'lock_file', 'child_communication', 'sig_passthrough', 'multi_port'),
  ...rows('output is linked by no_client_stdout: false', 'any', 'tie_client_stdout', 'tied_stdout_callback', 'tied_stdin_callback'),
  ...rows('a datagram is received whole, up to 65507 bytes', 'any', 'udp_recv_len', 'udp_recv_flags', 'udp_args'),
  ...rows('a restart executes the running program again with its own arguments', 'any', 'commandline'),
  ...rows(NO_LOG4PERL, 'any', 'log4perl_conf', 'log4perl_logger', 'log4perl_poll'),
  ...rows(NO_TLS, 'any', 'SSL_server', 'SSL_use_cert', 'SSL_verify_mode', 'SSL_key_file', 'SSL_cert_file', 'SSL_ca_path', 'SSL_ca_file'),
  ...rows(NO_TLS, 'any', 'SSL_cipher_list', 'SSL_passwd_cb', 'SSL_max_getline_length', 'SSL_error_callback', 'SSL_verify_callback'),
]);
