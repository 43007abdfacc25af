/** A file that the server has open, and that goes with it when it becomes another user in another root directory. */
export interface Belonging {
  /** For messages: `pid_file "/run/chat.pid"`. */
  readonly name: string;
  /** @throws SystemError EPERM … */
  chown(uid: number, gid: number): void;
  /** @param root what the new root directory was called so far; names of files mean something else from now on */
  rootChanged(root: string): void;
}
