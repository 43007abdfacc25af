/** What the program before a restart leaves to the one behind it: open sockets, and the variable that says what they are. */
import { fstatSync } from 'node:fs';
import { setCloseOnExec } from '../mux/process-calls.js';
import { activatedName, type InheritedEntry, parseBoundSockets } from './bind-spec.js';
import type { InheritedSocket } from './systemd.js';

const VARIABLE = 'BOUND_SOCKETS';

/** The value where no socket could be handed over: it is a restart all the same. */
const NONE = 'none';

export interface BoundSocket extends InheritedEntry {
  /** The file of a UNIX socket; an abstract name is none. */
  readonly path?: string;
}

/** The environment of the program that comes. */
export function restartEnvironment(entries: readonly string[]): Record<string, string> {
  return { [VARIABLE]: entries.join('; ') || NONE };
}

/** Whether this program has replaced one that was restarted; known until its sockets are bound. */
export function isRestarted(environment: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(environment[VARIABLE]);
}

/** The sockets of the program before, each of them to be used once. */
export class BoundSockets {
  readonly isRestart: boolean;
  /** Those that a service manager had opened for it. */
  readonly activated: readonly InheritedSocket[];
  #left: BoundSocket[];

  /** Reads the variable, which may be anybody's: what is no open socket is no entry. Each is close-on-exec from now on. */
  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.isRestart = isRestarted(environment);
    const found = parseBoundSockets(environment[VARIABLE] ?? '').filter(({ fd }) => isSocket(fd));
    for (const { fd } of found) setCloseOnExec(fd, true);
    this.activated = found.flatMap((socket) => {
      const name = activatedName(socket);
      return name === undefined ? [] : [{ descriptor: socket.fd, name }];
    });
    this.#left = found
      .filter((socket) => activatedName(socket) === undefined)
      .map((socket) =>
        /\|UNIX(?:DGRAM)?\|\*$/.test(socket.key) && !socket.port.startsWith('@') ? { ...socket, path: socket.port } : socket,
      );
  }

  /** @returns the next socket of that configuration */
  find(key: string): BoundSocket | undefined {
    const at = this.#left.findIndex((socket) => socket.key === key);
    return at < 0 ? undefined : this.#left.splice(at, 1)[0];
  }

  /** @returns all that nobody has asked for */
  rest(): BoundSocket[] {
    return this.#left.splice(0);
  }

  /** No child is to take the sockets for its own. */
  forget(environment: NodeJS.ProcessEnv = process.env): void {
    delete environment[VARIABLE];
  }
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}
