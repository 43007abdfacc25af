import type { OptionValues } from './table.js';

/**
 * What a program may pass to a server's constructor, to `run()` and to `serve()`. A program with options of its own extends it:
 * `interface ChatOptions extends ServerOptions { greeting?: string }`.
 *
 * Made from the table of options by `node scripts/options-doc.mjs`, so that editors show what an option means: change the table, not this file.
 */
export interface ServerOptions {
  /**
   * What to listen on: PORT, HOST:PORT, HOST:PORT/udp, PATH|unix, with /IPv4 or /IPv6 behind it; port 0 is one that the kernel chooses.
   * Allowed: list: a port from 0 to 65535, a text such as HOST:PORT/PROTO, or an object that has a port. Default: 20203.
   */
  readonly port?: OptionValues['port'];
  /** The address of ports that name none, one for each port, the last for all others; * is all. Allowed: list: a text. Default: *. */
  readonly host?: OptionValues['host'];
  /**
   * The protocol of ports that name none, one for each port, the last for all others: tcp, udp, unix or unixdgram. Allowed: list: a text.
   * Default: tcp.
   */
  readonly proto?: OptionValues['proto'];
  /**
   * The address family of ports that name none, one for each port, the last for all others: 4, 6 or * for what there is. Allowed: list: 4,
   * 6 or *. Default: the environment variable IPV, else *.
   */
  readonly ipv?: OptionValues['ipv'];
  /** Length of the accept queue; the kernel may cap it. Allowed: a whole number from 0 to 2147483647. Default: 4096. */
  readonly listen?: OptionValues['listen'];
  /** SO_REUSEPORT: several processes share the port. Allowed: true or false. Default: false. */
  readonly reuse_port?: OptionValues['reuse_port'];
  /** SO_BROADCAST on UDP sockets. Allowed: true or false. Default: false. */
  readonly udp_broadcast?: OptionValues['udp_broadcast'];
  /** The type of UNIX sockets that name none. Allowed: one of SOCK_STREAM, SOCK_DGRAM, sock_stream, sock_dgram. Default: SOCK_STREAM. */
  readonly unix_type?: OptionValues['unix_type'];
  /** The permissions of UNIX socket files. Allowed: permissions from 0 to 777, in octal where they are a text. Default: by umask. */
  readonly socket_mode?: OptionValues['socket_mode'];
  /** The engine; auto: NETMUX_ENGINE, else native where it loads. Allowed: 'auto', 'native' or 'node'. Default: auto. */
  readonly engine?: OptionValues['engine'];
  /** Unsent output per connection. Allowed: a whole number from 0 (unlimited) to 2147483647 (bytes). Default: 16777216 = 16 MiB. */
  readonly max_outbuffer?: OptionValues['max_outbuffer'];
  /** What a write over max_outbuffer does. Allowed: 'close', 'drop' or a function (fh, bytes) that returns one of them. Default: close. */
  readonly outbuffer_policy?: OptionValues['outbuffer_policy'];
  /**
   * Unconsumed input per connection; past it the connection is closed. Allowed: a whole number from 0 (unlimited) to 2147483647 (bytes).
   * Default: 16777216 = 16 MiB.
   */
  readonly max_inbuffer?: OptionValues['max_inbuffer'];
  /**
   * Unsent output and unread input of all connections together; past it those with most of it are closed. Allowed: a whole number from 0
   * (unlimited) to 9007199254740991 (bytes). Default: 0.
   */
  readonly max_buffered?: OptionValues['max_buffered'];
  /** Unsent output above which fh.write returns false. Allowed: a whole number from 0 to 2147483647 (bytes). Default: 65536 = 64 KiB. */
  readonly high_water_mark?: OptionValues['high_water_mark'];
  /** The most that one read delivers. Allowed: a whole number from 1 to 65536 (bytes). Default: 65536 = 64 KiB. */
  readonly read_size?: OptionValues['read_size'];
  /** Whether a connection stays open for writing after the peer's end. Allowed: true or false. Default: false. */
  readonly allow_half_open?: OptionValues['allow_half_open'];
  /**
   * Accepted connections at a time, of all listeners together. Allowed: a whole number from 0 (unlimited) to 16777216 (connections).
   * Default: 0.
   */
  readonly max_connections?: OptionValues['max_connections'];
  /**
   * Connections from one IPv4 address or IPv6 /64 at a time. Allowed: a whole number from 0 (unlimited) to 16777216 (connections). Default:
   * 0.
   */
  readonly max_connections_per_address?: OptionValues['max_connections_per_address'];
  /**
   * Connections from one IPv4 /24 or IPv6 /48 at a time. Allowed: a whole number from 0 (unlimited) to 16777216 (connections). Default: 0.
   */
  readonly max_connections_per_network?: OptionValues['max_connections_per_network'];
  /** Connections of one listener at a time. Allowed: a whole number from 0 (unlimited) to 16777216 (connections). Default: 0. */
  readonly max_connections_per_listener?: OptionValues['max_connections_per_listener'];
  /**
   * Connections accepted, of all listeners together. Allowed: a number from 0 (unlimited) to 1000000 (connections per second). Default: 0.
   */
  readonly accept_rate?: OptionValues['accept_rate'];
  /**
   * Connections accepted at once before accept_rate holds. Allowed: a whole number from 0 (those of one second) to 1000000 (connections).
   * Default: 0.
   */
  readonly accept_burst?: OptionValues['accept_burst'];
  /** Peers that are counted by these limits, but never refused. Allowed: list: an address block such as 10.0.0.0/8 or 2001:db8::/32. */
  readonly exempt_from_limits?: OptionValues['exempt_from_limits'];
  /**
   * How long an accepted connection may take to its first byte. Allowed: a number from 0 (unlimited) to 1000000 (seconds). Default: 0 s.
   */
  readonly first_byte_timeout?: OptionValues['first_byte_timeout'];
  /**
   * How long an accepted connection may be without a byte received or sent. Allowed: a number from 0 (unlimited) to 1000000 (seconds).
   * Default: 0 s.
   */
  readonly idle_timeout?: OptionValues['idle_timeout'];
  /** How long an accepted connection may last. Allowed: a number from 0 (unlimited) to 1000000 (seconds). Default: 0 s. */
  readonly max_lifetime?: OptionValues['max_lifetime'];
  /**
   * How fast an accepted connection must go on while input is left unread or output waits. Allowed: a number of bytes per second from 0 (as
   * slow as it likes) to 2147483647. Default: 0.
   */
  readonly min_byte_rate?: OptionValues['min_byte_rate'];
  /** SO_KEEPALIVE on each connection. Allowed: true or false. Default: false. */
  readonly keep_alive?: OptionValues['keep_alive'];
  /** Without a byte, before the first probe. Allowed: a whole number from 0 (as the machine has it) to 32767 (seconds). Default: 0 s. */
  readonly keep_alive_delay?: OptionValues['keep_alive_delay'];
  /** From one probe to the next. Allowed: a whole number from 0 (as the machine has it) to 32767 (seconds). Default: 0 s. */
  readonly keep_alive_interval?: OptionValues['keep_alive_interval'];
  /** Probes without an answer that end a connection. Allowed: a whole number from 0 (as the machine has it) to 127. Default: 0. */
  readonly keep_alive_count?: OptionValues['keep_alive_count'];
  /**
   * How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT). Allowed: a number from 0 (as the machine has it) to 1000000 (seconds).
   * Default: 0 s.
   */
  readonly user_timeout?: OptionValues['user_timeout'];
  /**
   * The kernel's buffer of what a connection sends (SO_SNDBUF). Allowed: a whole number from 0 (the kernel adapts it) to 2147483647
   * (bytes). Default: 0.
   */
  readonly send_buffer_size?: OptionValues['send_buffer_size'];
  /**
   * The kernel's buffer of what a connection receives (SO_RCVBUF). Allowed: a whole number from 0 (the kernel adapts it) to 2147483647
   * (bytes). Default: 0.
   */
  readonly receive_buffer_size?: OptionValues['receive_buffer_size'];
  /**
   * How long a connection may wait in the kernel for its first byte before it is accepted (TCP_DEFER_ACCEPT). Allowed: a whole number from
   * 0 (none) to 32767 (seconds). Default: 0 s.
   */
  readonly defer_accept?: OptionValues['defer_accept'];
  /**
   * How long to look for more events, awake, after there were some. Allowed: a whole number of microseconds from 0 (none) to 1000. Default:
   * 0.
   */
  readonly busy_poll_micros?: OptionValues['busy_poll_micros'];
  /**
   * How long a closed connection waits for its peer to close, so that it gets all that was sent. Allowed: a number from 0 to 1000000
   * (seconds). Default: 2 s.
   */
  readonly linger_timeout?: OptionValues['linger_timeout'];
  /** How long endLoop waits for unsent output. Allowed: a number from 0 to 1000000 (seconds). Default: 5 s. */
  readonly drain_timeout?: OptionValues['drain_timeout'];
  /** What a throwing callback costs: its connection or the process. Allowed: 'close' or 'exit'. Default: close. */
  readonly on_callback_error?: OptionValues['on_callback_error'];
  /**
   * The async context (AsyncLocalStorage) of callbacks: nobody's in particular, or one for each connection. Allowed: 'shared' or
   * 'connection'. Default: shared.
   */
  readonly async_context?: OptionValues['async_context'];
  /** TCP_NODELAY on each connection. Allowed: true or false. Default: true. */
  readonly no_delay?: OptionValues['no_delay'];
  /**
   * Process.stdout.write and console.log stay what they are; if false, what they write in a callback goes to its client. Allowed: true or
   * false. Default: true.
   */
  readonly no_client_stdout?: OptionValues['no_client_stdout'];
  /** How often run_dequeue is called; 0 is never. Allowed: a number from 0 to 1000000 (seconds). Default: never. */
  readonly check_for_dequeue?: OptionValues['check_for_dequeue'];
  /** Who is admitted: the whole address, or name, has to match. Allowed: list: a regular expression. */
  readonly allow?: OptionValues['allow'];
  /** Who is refused, whatever allow says; with deny alone everybody is refused. Allowed: list: a regular expression. */
  readonly deny?: OptionValues['deny'];
  /** Address blocks that are admitted. Allowed: list: an address block such as 10.0.0.0/8 or 2001:db8::/32. */
  readonly cidr_allow?: OptionValues['cidr_allow'];
  /**
   * Address blocks that are refused, whatever allow and cidr_allow say. Allowed: list: an address block such as 10.0.0.0/8 or
   * 2001:db8::/32.
   */
  readonly cidr_deny?: OptionValues['cidr_deny'];
  /**
   * Whether the names of clients are asked for; a name counts for allow only if it has the address, unless this is unverified; double sets
   * double_reverse_lookups. Allowed: true, false, 'unverified', or 'double' and words of double_reverse_lookups. Default: false.
   */
  readonly reverse_lookups?: OptionValues['reverse_lookups'];
  /**
   * Whether clients whose name does not have their address are refused; implies reverse_lookups. Allowed: true, false, or words out of
   * detail, autofail and debug. Default: false.
   */
  readonly double_reverse_lookups?: OptionValues['double_reverse_lookups'];
  /**
   * How long look-ups, post_accept_hook and allow_deny_hook may take for one client, who is then refused. Allowed: a number from 0 to
   * 1000000 (seconds). Default: 10 s.
   */
  readonly allow_deny_timeout?: OptionValues['allow_deny_timeout'];
  /**
   * How many clients may wait for the end of a look-up or hook at a time; more are refused. Allowed: a whole number from 1 to 2147483647
   * (connections). Default: 1024.
   */
  readonly max_pending_admissions?: OptionValues['max_pending_admissions'];
  /** 0 nothing at all, 1 errors and warnings, 2 notices, 3 connections, 4 everything. Allowed: a whole number from 0 to 4. Default: 2. */
  readonly log_level?: OptionValues['log_level'];
  /**
   * The file for log lines, opened to append, and again on SIGUSR1; Sys::Syslog is the system log. Allowed: a file name, or Sys::Syslog.
   * Default: stderr.
   */
  readonly log_file?: OptionValues['log_file'];
  /**
   * Classic: lines as Net::Server writes them; text: with time and level; json: one object a line. Allowed: one of classic, text, json.
   * Default: classic.
   */
  readonly log_format?: OptionValues['log_format'];
  /**
   * Gets the lines in place of a file: a function (level, text), the name of a method of the server, or a pino logger. Allowed: a function
   * (level, text), the name of a method, or an object with the methods error, warn, info and debug.
   */
  readonly log_function?: OptionValues['log_function'];
  /**
   * How the system log is reached: native, unix and stream by syslog_path, udp and inet by syslog_host and syslog_port. Allowed: one of '',
   * native, unix, stream, udp, inet. Default: udp if syslog_host is given, else unix.
   */
  readonly syslog_logsock?: OptionValues['syslog_logsock'];
  /** The socket of the local log daemon. Allowed: the name of a file or folder. Default: /dev/log. */
  readonly syslog_path?: OptionValues['syslog_path'];
  /** The host of a log daemon that receives datagrams. Allowed: a text. Default: localhost. */
  readonly syslog_host?: OptionValues['syslog_host'];
  /** Its port. Allowed: a whole number from 1 to 65535. Default: 514. */
  readonly syslog_port?: OptionValues['syslog_port'];
  /**
   * The form of the messages: rfc3164 is understood by all, rfc5424 has the year, the zone and fractions of seconds. Allowed: one of
   * rfc3164, rfc5424. Default: rfc3164.
   */
  readonly syslog_format?: OptionValues['syslog_format'];
  /** The name of the program in the system log. Allowed: a text. Default: net_server. */
  readonly syslog_ident?: OptionValues['syslog_ident'];
  /**
   * Pid: the process id is part of each line; without nofatal a daemon that is not there is an error. Allowed: words out of cons, ndelay,
   * nofatal, nowait and pid, separated by | or ,. Default: pid,nofatal.
   */
  readonly syslog_logopt?: OptionValues['syslog_logopt'];
  /**
   * The facility in the system log. Allowed: one of kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, local0,
   * local1, local2, local3, local4, local5, local6, local7. Default: daemon.
   */
  readonly syslog_facility?: OptionValues['syslog_facility'];
  /** Whether the server runs in the background; the command ends when it is ready to serve. Allowed: true or false. Default: false. */
  readonly background?: OptionValues['background'];
  /** As background, in a session of its own. Allowed: true or false. Default: false. */
  readonly setsid?: OptionValues['setsid'];
  /** The file that gets the process id, locked while the server runs. Allowed: the name of a file or folder. */
  readonly pid_file?: OptionValues['pid_file'];
  /** Name or number of the user to become once everything is bound. Allowed: a text. Default: the current one. */
  readonly user?: OptionValues['user'];
  /** Names or numbers of groups, separated by blanks or commas; the first is the main one. Allowed: a text. Default: the current one. */
  readonly group?: OptionValues['group'];
  /** The folder that becomes the root of the file system. Allowed: the name of a file or folder. */
  readonly chroot?: OptionValues['chroot'];
  /** The working directory. Allowed: the name of a file or folder. Default: unchanged, / after chroot. */
  readonly chdir?: OptionValues['chdir'];
  /** The permissions that new files do not get. Allowed: permissions from 0 to 777, in octal where they are a text. Default: unchanged. */
  readonly umask?: OptionValues['umask'];
  /** More files to be given to user and group, as log, pid file and sockets are. Allowed: list: the name of a file or folder. */
  readonly chown_files?: OptionValues['chown_files'];
  /** Whether server_close leaves out its last step, server_exit. Allowed: true or false. Default: false. */
  readonly no_exit_on_close?: OptionValues['no_exit_on_close'];
  /**
   * Whether TERM, INT and QUIT end the server, HUP restarts it, and USR1 opens the log again; false: signals are left alone. Allowed: true
   * or false. Default: false.
   */
  readonly handle_signals?: OptionValues['handle_signals'];
  /**
   * How many connections are closed a second when the server ends; 0 is all at once. Allowed: a number from 0 to 2147483647 (connections
   * per second). Default: 0.
   */
  readonly drain_rate?: OptionValues['drain_rate'];
  /** How long a restart waits for connections that are still busy. Allowed: a number from 0 to 1000000 (seconds). Default: 1 s. */
  readonly restart_drain_timeout?: OptionValues['restart_drain_timeout'];
  /** A file with options, one NAME VALUE a line. Allowed: the name of a file or folder. */
  readonly conf_file?: OptionValues['conf_file'];
  /** Whether options that nobody knows are passed over. Allowed: true or false. Default: false. */
  readonly ignore_unknown?: OptionValues['ignore_unknown'];
}
