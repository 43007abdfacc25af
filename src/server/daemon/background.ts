/**
 * Going to the background (docs/from-perl.md, D25): the command is started a second time, detached, and tells its parent through a pipe when it
 * serves. Never by fork: a fork takes one of Node's threads along and leaves the others' work half done.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { NetmuxError } from '../../errors.js';
import { redirect, setCloseOnExec } from '../../mux/process-calls.js';

/** Marks the second process for the time it needs to notice; its value is the process id of the first. */
const VARIABLE = 'NETMUX_BACKGROUND';

/** The pipe's descriptor in the second process: the first one behind the standard three. */
const PIPE = 3;

/** The message is one line with an error's text. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** For what lies in the pipe when a process has ended. */
const LAST_WORDS_MS = 500;

/** Who waits for the server in a terminal, and interrupts, means the server. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Outcome {
  readonly ready: boolean;
  readonly message?: string;
  readonly code?: string;
}

/**
 * Starts a command in the background, in a session and process group of its own, and waits until it calls `BackgroundStart.ready`, however
 * long that takes. Its standard input is empty; what it prints before it is ready appears here.
 *
 * @param environment instead of this process's own
 * @returns its process id; this process has nothing more to do then, and should exit with 0
 * @throws NetmuxError `NETMUX_NOT_STARTED` with the error that it gave to `BackgroundStart.failed`, or how it ended
 */
export async function startInBackground([program, ...args]: readonly [string, ...string[]], environment = process.env): Promise<number> {
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...environment, [VARIABLE]: String(process.pid) },
  });
  const passOn = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    const { ready, message, code } = await outcomeOf(child);
    if (ready) return child.pid!;
    const text = message ?? 'the background process did not say what went wrong';
    throw new NetmuxError('NETMUX_NOT_STARTED', text, { cause: Object.assign(new Error(text), { code }) });
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn);
    child.unref();
  }
}

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve) => {
    const pipe = child.stdio[PIPE] as Readable;
    let text = '';
    const settle = (outcome: Outcome) => {
      pipe.destroy();
      resolve(outcome);
    };
    child.on('error', (error) => settle({ ready: false, message: `the background process could not be started: ${error.message}` }));
    child.on('exit', (code, signal) => {
      const how = signal === null ? `exit status ${code}` : signal;
      const outcome = { ready: false, message: `the background process ended before it was ready (${how})` };
      // Its last words may be told after its end; and where it left a child with the pipe behind, the end of the pipe never comes.
      if (pipe.readableEnded || pipe.destroyed) settle(outcome);
      pipe.once('end', () => settle(outcome));
      setTimeout(settle, LAST_WORDS_MS, outcome).unref();
    });
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n') || text.length > MAX_MESSAGE_BYTES) settle(understood(text));
    });
    // A child that was killed may reset the pipe: its exit follows.
    pipe.on('error', () => undefined);
  });
}

function understood(text: string): Outcome {
  try {
    return JSON.parse(text) as Outcome;
  } catch {
    return { ready: false, message: 'the background process said something else than that it is ready' };
  }
}

/** The second process's end of the pipe. */
export class BackgroundStart {
  #open = true;

  private constructor() {
    setCloseOnExec(PIPE, true);
  }

  /**
   * Whether this process was started by `startInBackground`. To be asked early: until then the processes that it starts inherit the mark
   * (which means nothing to them, since their parent is another).
   *
   * @returns undefined if not, and each further time
   */
  static take(): BackgroundStart | undefined {
    const parent = process.env[VARIABLE];
    if (parent === undefined) return undefined;
    delete process.env[VARIABLE];
    return Number(parent) === process.ppid && isPipe(PIPE) ? new BackgroundStart() : undefined;
  }

  /** Lets the first process exit with 0. */
  ready(): void {
    this.#say({ ready: true });
  }

  /**
   * Has the first process say what went wrong, instead of this one, whose standard error output ends here.
   * @param error its message should be one line
   */
  failed(error: Error & { code?: string }): void {
    this.#say({ ready: false, message: error.message, ...(error.code === undefined ? {} : { code: error.code }) });
    redirectToNothing(2);
  }

  #say(outcome: Outcome): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      writeSync(PIPE, `${JSON.stringify(outcome)}\n`);
    } catch {
      // Nobody waits any more. The server was asked for all the same.
    }
    closeSync(PIPE);
  }
}

/** The pipe that Node makes is a socket. */
function isPipe(descriptor: number): boolean {
  try {
    const found = fstatSync(descriptor);
    return found.isSocket() || found.isFIFO();
  } catch {
    return false;
  }
}

/**
 * Connects standard descriptors to /dev/null, so that the server holds no terminal and no pipe of whoever started it.
 * What was printed through `process.stdout` before may keep Node writing to a terminal it opened itself.
 *
 * @param descriptors 0, 1, 2
 */
export function redirectToNothing(...descriptors: readonly number[]): void {
  const nothing = openSync('/dev/null', constants.O_RDWR | constants.O_NOCTTY);
  try {
    for (const descriptor of descriptors) redirect(nothing, descriptor);
  } finally {
    closeSync(nothing);
  }
}
