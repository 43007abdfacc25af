/** Where lines go. Calls throw what went wrong; `ServerLog` decides what that means. */
export interface LogTarget {
  /** For messages about it: `log file /var/log/chat`, `syslog`. */
  readonly name: string;
  /** It adds time, severity and process id itself. */
  readonly stamps?: boolean;
  /** @param line without its end; only the classic format's may contain newlines */
  write(line: string, level: number): void;
  /** Takes a descriptor's place (2, for stderr), also after `reopen`. */
  takeOver?(descriptor: number): void;
  /** Opens the same name again, for log rotation. The old file stays in use if that fails. */
  reopen?(): void;
  /** Gives the file to the user and group that the server will run as. */
  chown?(uid: number, gid: number): void;
  /** The names of files mean something else from now on. */
  rootChanged?(root: string): void;
  close(): void;
}
