import type { ServerLog } from '../log/log.js';
import type { ServerSettings } from '../options/table.js';
import { ServiceNotifier } from '../systemd.js';
import { BackgroundStart, ownCommand, redirectToNothing, startInBackground } from './background.js';
import type { Belonging } from './belonging.js';
import { dropPrivileges, type Identity, resolveIdentity } from './identity.js';
import { PidFile } from './pid-file.js';
import { setSurroundings } from './surroundings.js';

/** Whom a daemon tells what it does. */
interface Reporter {
  log(level: number, text: string): void;
  complain(error: unknown): void;
}

/** What makes a process of a server: its pid file, its identity, its place in the background, and the service manager that started it. */
export class Daemon {
  readonly notifier: ServiceNotifier;
  readonly #reporter: Reporter;
  /** Set in the second process of a background start. */
  readonly #start = BackgroundStart.take();
  #identity: Identity | undefined;
  #pidFile: PidFile | undefined;
  #log: ServerLog | undefined;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
    this.notifier = new ServiceNotifier((error) => reporter.complain(error));
  }

  /**
   * Looks for user and group, before anything is done that would have to be undone.
   * @throws NetmuxError `NETMUX_IDENTITY`
   */
  configure({ user, group }: Pick<ServerSettings, 'user' | 'group'>): void {
    if (process.getuid !== undefined) this.#identity = resolveIdentity({ user, group });
  }

  /**
   * Starts the server in the background, where the options say so and this process is not there already.
   * @returns whether it serves now, so that there is nothing more to do here
   * @throws NetmuxError `NETMUX_NOT_STARTED`
   */
  async goToBackground({ background, setsid }: Pick<ServerSettings, 'background' | 'setsid'>): Promise<boolean> {
    if (!(background || setsid) || this.#start !== undefined) return false;
    await startInBackground(ownCommand());
    return true;
  }

  /**
   * Sets the umask, and writes the pid file.
   * @throws NetmuxError `NETMUX_PID_FILE`
   */
  settle({ umask, pid_file, log_file, log_function }: ServerSettings, log: ServerLog): void {
    this.#log = log;
    setSurroundings({ umask });
    if (pid_file !== undefined) this.#pidFile = PidFile.claim(pid_file, (text) => this.#reporter.log(1, text));
    if (this.#start !== undefined) {
      this.#reporter.log(2, 'Process Backgrounded');
      const isSilent = log_file === '' && log_function === undefined;
      if (isSilent) this.#reporter.log(1, 'In the background there is no log without log_file or log_function');
    }
    this.#pidFile?.write();
  }

  /**
   * Changes folder, root, groups and user.
   * @param sockets the files of UNIX sockets
   * @throws NetmuxError `NETMUX_BAD_OPTION`, `NETMUX_IDENTITY`
   */
  dropPrivileges({ chdir, chroot, chown_files }: ServerSettings, sockets: readonly string[]): void {
    setSurroundings({ chdir });
    if (this.#identity === undefined) return;
    const log = this.#log!;
    const logFile: Belonging = { name: 'the log', chown: (uid, gid) => log.chown(uid, gid), rootChanged: (root) => log.rootChanged(root) };
    for (const notice of this.#identity.notices) this.#reporter.log(1, notice);
    dropPrivileges(this.#identity, {
      chroot,
      files: [...sockets, ...chown_files],
      belongings: this.#pidFile === undefined ? [logFile] : [logFile, this.#pidFile],
      log: (level, text) => this.#reporter.log(level, text),
    });
  }

  /** The server serves: whoever waits for that is told, and nothing is held any more that belongs to a terminal. */
  serving(): void {
    this.notifier.ready();
    if (this.#start === undefined) return;
    this.#start.ready();
    const hasErrorOutput = this.#log?.takeOver(2) === true;
    redirectToNothing(...(hasErrorOutput ? [0, 1] : [0, 1, 2]));
  }

  /** The server cannot serve: in the background the first process says why. */
  failed(error: Error): void {
    this.#start?.failed(error);
  }

  stopping(): void {
    this.notifier.stopping();
  }

  /** @throws NetmuxError `NETMUX_PID_FILE` where the new user must not, or not in the new root */
  removePidFile(): void {
    this.#pidFile?.remove();
  }

  close(): void {
    this.notifier.close();
  }
}
