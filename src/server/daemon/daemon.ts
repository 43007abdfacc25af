import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { NetmuxError } from '../../errors.js';
import { replaceProcess, setCloseOnExec } from '../../mux/process-calls.js';
import { isRestarted, restartEnvironment } from '../bound-sockets.js';
import type { ServerLog } from '../log/log.js';
import type { ServerSettings } from '../options/table.js';
import { hasInheritedSockets, ServiceNotifier } from '../systemd.js';
import { BackgroundStart, redirectToNothing, startInBackground } from './background.js';
import type { Belonging } from './belonging.js';
import { checkRoot } from './chroot.js';
import { dropPrivileges, type Identity, resolveIdentity } from './identity.js';
import { checkOwnCommand, ownCommand, restartCommand } from './own-command.js';
import { PidFile } from './pid-file.js';
import { checkFolder, setSurroundings } from './surroundings.js';

/** Whom a daemon tells what it does. */
interface Reporter {
  log(level: number, text: string): void;
  complain(error: unknown): void;
}

type Checked = <Result>(option: 'user' | 'group' | 'chdir' | 'chroot' | 'chown_files', check: () => Result) => Result;

/** What makes a process of a server: its pid file, its identity, its place in the background, and the service manager that started it. */
export class Daemon {
  readonly notifier: ServiceNotifier;
  readonly #reporter: Reporter;
  /** Set in the second process of a background start. */
  readonly #start = BackgroundStart.take();
  /** The program before this one has gone to the background, and stays there. */
  readonly #isRestarted = isRestarted();
  /** What is executed again, as it was before anybody took options out of it. */
  readonly #command = ownCommand();
  /** Where names of files in it, and in the options, begin. */
  readonly #folder = presentFolder();
  #isInBackground = false;
  #hasChangedRoot = false;
  #identity: Identity | undefined;
  #pidFile: PidFile | undefined;
  #log: ServerLog | undefined;
  /** The new pid file of a restart. */
  #nextPidFile: PidFile | undefined;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
    this.notifier = new ServiceNotifier((error) => reporter.complain(error));
  }

  /**
   * Looks for user, group, folders and files, before anything is done that would have to be undone.
   * @param checked what is called for an option knows where that stands
   * @throws NetmuxError `NETMUX_IDENTITY`, `NETMUX_BAD_OPTION`
   */
  configure(settings: ServerSettings, checked: Checked): void {
    const { user, group } = settings;
    checkPlaces(settings, checked);
    if (process.getuid === undefined) return;
    checked('group', () => resolveIdentity({ group }));
    this.#identity = checked('user', () => resolveIdentity({ user, group }));
  }

  /**
   * Starts the server in the background, where the options say so and this process is not there already.
   * @returns whether it serves now, so that there is nothing more to do here
   * @throws NetmuxError `NETMUX_NOT_STARTED`; `NETMUX_PID_FILE` where another server runs, before anything is started
   */
  async goToBackground({ background, setsid, pid_file }: Pick<ServerSettings, 'background' | 'setsid' | 'pid_file'>): Promise<boolean> {
    this.#isInBackground = background || setsid;
    if (!this.#isInBackground || this.#start !== undefined || this.#isRestarted) return false;
    if (pid_file !== undefined) PidFile.check(pid_file);
    if (hasInheritedSockets())
      throw new NetmuxError('NETMUX_NOT_STARTED', 'sockets of a service manager (LISTEN_FDS) cannot be taken to the background');
    await startInBackground(this.#command, { ...process.env, ...this.notifier.environment, WATCHDOG_PID: undefined });
    return true;
  }

  /**
   * Writes the pid file.
   * @throws NetmuxError `NETMUX_PID_FILE`
   */
  settle({ pid_file, log_file, log_function }: ServerSettings, log: ServerLog): void {
    this.#log = log;
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
  dropPrivileges({ chdir, chroot, chown_files }: ServerSettings, sockets: Belonging): void {
    // Names in the options begin where the program was started.
    const [root, files] = [chroot && resolve(chroot), chown_files.map((file) => resolve(file))];
    setSurroundings({ chdir });
    if (this.#identity === undefined) return;
    const log = this.#log!;
    const logFile: Belonging = { name: 'the log', chown: (uid, gid) => log.chown(uid, gid), rootChanged: (root) => log.rootChanged(root) };
    for (const notice of this.#identity.notices) this.#reporter.log(1, notice);
    dropPrivileges(this.#identity, {
      chroot: root,
      files,
      belongings: [logFile, sockets, ...(this.#pidFile === undefined ? [] : [this.#pidFile])],
      log: (level, text) => this.#reporter.log(level, text),
    });
    this.#hasChangedRoot = chroot !== undefined;
  }

  /** The server serves: whoever waits for that is told, and nothing is held any more that belongs to a terminal. */
  serving(): void {
    this.notifier.ready(this.#start !== undefined);
    if (!this.#isInBackground) return;
    this.#start?.ready();
    const hasErrorOutput = this.#log?.takeOver(2) === true;
    redirectToNothing(...(hasErrorOutput ? [0, 1] : [0, 1, 2]));
  }

  /** The server cannot serve: in the background the first process says why. */
  failed(error: Error): void {
    this.#start?.failed(error);
  }

  /**
   * Whether the program can be executed again.
   * @param read gives the options as the program will find them
   * @throws NetmuxError `NETMUX_NOT_STARTED`, `NETMUX_IDENTITY`, `NETMUX_PID_FILE`; what `read` throws
   */
  prepareRestart<Read extends { readonly settings: ServerSettings }>(read: () => Read): Read {
    if (this.#hasChangedRoot) throw new NetmuxError('NETMUX_NOT_STARTED', 'in a chroot the program is not to be found any more');
    checkOwnCommand();
    return inFolder(this.#folder, () => {
      const found = read();
      const { user, group, chroot, pid_file } = found.settings;
      checkPlaces(found.settings, (_option, check) => check());
      if (process.getuid !== undefined) {
        const { changesUser, changesGroup } = resolveIdentity({ user, group });
        if (process.geteuid!() !== 0 && (changesUser || changesGroup || chroot !== undefined))
          throw new NetmuxError('NETMUX_IDENTITY', 'only root can change user, group and chroot: the server has to be started anew');
      }
      if (pid_file !== undefined && resolve(pid_file) !== this.#pidFile?.path)
        this.#nextPidFile = PidFile.claim(pid_file, (text) => this.#reporter.log(1, text));
      return found;
    });
  }

  /** The restart does not happen. */
  keepRunning(): void {
    this.#nextPidFile?.remove();
    this.#nextPidFile = undefined;
    this.notifier.ready();
  }

  /**
   * Executes the program again; the pid file stays, and its lock is taken again by the program that comes.
   * @param descriptors are left open
   * @throws SystemError ENOENT, EACCES, E2BIG … ; then all is as it was
   */
  execute(descriptors: readonly number[], entries: readonly string[], { pid_file }: Pick<ServerSettings, 'pid_file'>): never {
    const environment = { ...process.env, ...this.notifier.environment, ...restartEnvironment(entries) };
    return inFolder(this.#folder, (): never => {
      if (this.#pidFile !== undefined && (pid_file === undefined || resolve(pid_file) !== this.#pidFile.path)) this.#pidFile.remove();
      for (const descriptor of descriptors) setCloseOnExec(descriptor, false);
      try {
        replaceProcess(this.#command[0], restartCommand(this.#command), environment);
      } finally {
        for (const descriptor of descriptors) setCloseOnExec(descriptor, true);
      }
    });
  }

  stopping(): void {
    this.notifier.stopping();
  }

  /** @throws NetmuxError `NETMUX_PID_FILE` where the new user must not, or not in the new root */
  removePidFile(): void {
    this.#nextPidFile?.remove();
    this.#pidFile?.remove();
  }

  close(): void {
    this.notifier.close();
  }
}

function checkPlaces({ chdir, chroot, chown_files }: ServerSettings, checked: Checked): void {
  if (chdir !== undefined) checked('chdir', () => checkFolder(chdir));
  if (chroot !== undefined) checked('chroot', () => checkRoot(chroot));
  checked('chown_files', () => {
    for (const file of chown_files)
      if (lstatSync(file, { throwIfNoEntry: false }) === undefined)
        throw new NetmuxError('NETMUX_BAD_OPTION', `option chown_files: there is no file ${JSON.stringify(file)}`);
  });
}

function presentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return '/'; // somebody has removed it
  }
}

function inFolder<Result>(folder: string, action: () => Result): Result {
  const before = presentFolder();
  if (before === folder) return action();
  process.chdir(folder);
  try {
    return action();
  } finally {
    process.chdir(before);
  }
}
