/** What systemd, and whatever speaks as it does, hands to a service and wants to hear from it: sd_listen_fds(3), sd_notify(3). */
import { closeSync, writeSync } from 'node:fs';
import { openDatagram, setCloseOnExec } from '../mux/process-calls.js';
import { pause } from './pause.js';

/** SD_LISTEN_FDS_START: the first descriptor behind the standard three. */
const FIRST_DESCRIPTOR = 3;

/** More sockets than a unit has; a number beyond it is nonsense, not a reason to try millions of descriptors. */
const MAX_SOCKETS = 1024;

/** A service with this many pings a timeout survives a late one. */
const PINGS_PER_TIMEOUT = 2;

/** A timer of Node that is longer would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What systemd's own library waits for a manager that is busy: nothing is as bad as a lost READY. */
const PATIENCE_MS = 1000;
const RETRY_MS = 5;

export interface InheritedSocket {
  readonly descriptor: number;
  /** `FileDescriptorName=` of the socket unit; `unknown` where there is none. */
  readonly name: string;
}

/** Whether a service manager has opened sockets for this process. */
export function hasInheritedSockets({ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv = process.env): boolean {
  return Number(LISTEN_PID) === process.pid && Number(LISTEN_FDS) > 0;
}

/**
 * The sockets that a service manager opened for this process, in the order of the unit. The variables are removed, so that no child
 * takes them for its own; what is meant for another process (`LISTEN_PID`) is ignored. Each descriptor is close-on-exec from now on.
 *
 * @throws SystemError EBADF if one of them is not open
 */
export function takeInheritedSockets(environment: NodeJS.ProcessEnv = process.env): InheritedSocket[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = environment;
  for (const variable of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[variable];
  if (pid === undefined || Number(pid) !== process.pid || count === undefined || !/^\d+$/.test(count) || Number(count) > MAX_SOCKETS)
    return [];
  const named = names === '' ? [] : names.split(':');
  return Array.from({ length: Number(count) }, (_, index) => {
    const descriptor = FIRST_DESCRIPTOR + index;
    setCloseOnExec(descriptor, true);
    return { descriptor, name: named[index] || 'unknown' };
  });
}

/**
 * Tells the service manager how the service is. Without one (no `NOTIFY_SOCKET`) all calls do nothing. The socket stays connected across
 * a chroot and a change of user.
 */
export class ServiceNotifier {
  /** The variables that were taken out of the environment, for the program that replaces this one. */
  readonly environment: Readonly<Record<string, string>>;
  #descriptor = -1;
  /** Microseconds; 0 without a watchdog. */
  #watchdogUsec = 0;
  #watchdog: NodeJS.Timeout | undefined;
  readonly #failed: (error: Error) => void;

  /** @param failed hears of what could not be sent; nothing here throws */
  constructor(failed: (error: Error) => void, environment: NodeJS.ProcessEnv = process.env) {
    this.#failed = failed;
    const taken: Record<string, string> = {};
    for (const variable of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) {
      const value = environment[variable];
      if (value !== undefined) taken[variable] = value;
      delete environment[variable];
    }
    this.environment = taken;
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec = '', WATCHDOG_PID: pid = String(process.pid) } = taken;
    if (!socket) return;
    try {
      this.#descriptor = openDatagram({ family: 'unix', path: socketPath(socket) });
    } catch (error) {
      this.#tell(error);
      return;
    }
    if (/^\d+$/.test(usec) && Number(pid) === process.pid) this.#watchdogUsec = Number(usec);
  }

  /**
   * Start-up, or a reload, is finished; from now on the watchdog is served, by Node's event loop, so that a loop that hangs is noticed.
   * @param isAnotherProcess than the one that the manager has started, which went to the background
   */
  ready(isAnotherProcess = false): void {
    this.#send(isAnotherProcess ? `MAINPID=${process.pid}\nREADY=1` : 'READY=1');
    if (this.#watchdogUsec === 0 || this.#watchdog !== undefined) return;
    const ping = () => this.#send('WATCHDOG=1', 0);
    ping();
    const period = this.#watchdogUsec / 1000 / PINGS_PER_TIMEOUT;
    this.#watchdog = setInterval(ping, Math.min(Math.max(period, 1), MAX_TIMER_MS)).unref();
  }

  /** The configuration is being read again; `ready` follows, from the program that replaces this one as well. */
  reloading(): void {
    // systemd compares with its own clock to tell this reload from an earlier one; hrtime is CLOCK_MONOTONIC.
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  /** The end has begun. The watchdog is served until `close`. */
  stopping(): void {
    this.#send('STOPPING=1');
  }

  /** A line for `systemctl status`. */
  status(text: string): void {
    this.#send(`STATUS=${text.replace(/\s*\n\s*/g, ' ')}`);
  }

  close(): void {
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #send(state: string, patience = PATIENCE_MS): void {
    if (this.#descriptor < 0) return;
    for (let waited = 0; ; waited += RETRY_MS) {
      try {
        writeSync(this.#descriptor, state);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || waited >= patience) {
          this.#tell(error);
          return;
        }
        pause(RETRY_MS);
      }
    }
  }

  #tell(error: unknown): void {
    const cause = error as NodeJS.ErrnoException;
    this.#failed(Object.assign(new Error(`NOTIFY_SOCKET: ${cause.message}`, { cause }), { code: cause.code, syscall: cause.syscall }));
  }
}

/** `@name` is an abstract name. */
function socketPath(value: string): string {
  if (value.startsWith('/')) return value;
  if (value.startsWith('@') && value.length > 1) return `\0${value.slice(1)}`;
  throw new Error(`${JSON.stringify(value)} is neither a path nor an abstract name`);
}
