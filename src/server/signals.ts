import { constants } from 'node:os';

/** What signals ask of a server. */
export interface Signalled {
  log(level: number, text: string): void;
  /** TERM, QUIT: the graceful end. */
  end(): void;
  /** INT, or the same again: the end without a flush. */
  endNow(): void;
  /** HUP */
  restart(): void;
  /** USR1 */
  reopenLog(): void;
}

/**
 * The signals of a server, from the end of its start-up to its own end. Node delivers a signal between two turns of its loop: none
 * interrupts a callback, and none waits for more than the present turn. Children are reaped by Node, so CHLD needs nobody.
 */
export class Signals {
  readonly #handlers = new Map<NodeJS.Signals, () => void>();
  #ending: NodeJS.Signals | undefined;

  constructor(server: Signalled) {
    const end = (signal: NodeJS.Signals) => () => {
      const again = this.#ending === signal;
      this.#ending ??= signal;
      if (again) server.endNow();
      else server.end();
    };
    this.#handlers.set('SIGTERM', end('SIGTERM'));
    this.#handlers.set('SIGQUIT', end('SIGQUIT'));
    this.#handlers.set('SIGINT', () => server.endNow());
    this.#handlers.set('SIGHUP', () => server.restart());
    this.#handlers.set('SIGUSR1', () => server.reopenLog());
    this.#handlers.set('SIGPIPE', () => server.log(4, 'SIGPIPE received'));
  }

  install(): void {
    for (const [signal, handler] of this.#handlers) if (signal in constants.signals) process.on(signal, handler);
  }

  /** Gives the signals back to whoever else listens, or to their default action. */
  remove(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
  }
}
