/** What an attack is made of: a server, which runs in a process of its own, and what is done to it. */
import type { Listener, MuxCallbacks, MuxOptions } from 'netmux';
import type { ServerProcess } from './server-process.js';

/** How a program is run. */
export interface Form {
  readonly long: boolean;
  readonly engine: 'native' | 'node';
  /** The length of what has no end of its own; the program's own choice if it is not given. */
  readonly seconds?: number;
  /** How many connections come and go, where it is about their number. */
  readonly connections?: number;
}

/** Made in the server's process. */
export interface ServerPlan {
  readonly mux?: MuxOptions;
  readonly callbacks: MuxCallbacks;
  /** What the attacker can ask for from outside, by a word. */
  control?(word: string, listener: Listener): void;
}

/** Counts in the server's process what the attacker wants to know of it. */
export class Notes {
  readonly counts: Record<string, number> = {};

  add(name: string, count = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + count;
  }

  /** Keeps the largest value. */
  peak(name: string, value: number): void {
    this.counts[name] = Math.max(this.counts[name] ?? value, value);
  }

  /** Keeps the smallest value. */
  least(name: string, value: number): void {
    this.counts[name] = Math.min(this.counts[name] ?? value, value);
  }
}

/** The callbacks of a server that echoes. That peers vanish is no error of its. */
export function echoing(notes: Notes): MuxCallbacks {
  return {
    mux_input: (_mux, fh, data) => fh.write(data.take()),
    mux_eof() {},
    mux_epipe() {},
    mux_error: () => notes.add('errors'),
  };
}

export interface Program {
  readonly name: string;
  /** Its number in the list of things that a server has to survive. */
  readonly number: string;
  /** One sentence: what is known when it has held. */
  readonly shows: string;
  /** How many descriptors its server may have; as many as this process unless given. */
  readonly descriptors?: number;
  /** Options of the Node that its server runs on. */
  readonly nodeOptions?: readonly string[];
  /** The server's environment, in addition to ours. A text is the reason why it cannot run here. */
  environment?(): NodeJS.ProcessEnv | string;
  /** Why the pure-Node engine is not asked for it; both are unless given. */
  readonly nativeOnly?: string;
  /** Without it there is no server but what the attack starts. */
  server?(notes: Notes, form: Form): ServerPlan;
  attack(trial: Trial): Promise<void>;
}

/** What became of a program. */
export interface Outcome {
  readonly name: string;
  readonly number: string;
  readonly shows: string;
  readonly form: 'short' | 'long';
  readonly engine: 'native' | 'node';
  readonly verdict: 'held' | 'FAILED' | 'not run';
  readonly figures: readonly string[];
  /** What was not as it has to be. */
  readonly failures: readonly string[];
  readonly seconds: number;
}

/** One run of a program, as the attacker sees it. */
export class Trial {
  readonly figures: string[] = [];
  readonly failures: string[] = [];

  constructor(
    private readonly started: ServerProcess | undefined,
    readonly form: Form,
  ) {}

  get long(): boolean {
    return this.form.long;
  }

  get connections(): number | undefined {
    return this.form.connections;
  }

  get seconds(): number | undefined {
    return this.form.seconds;
  }

  get server(): ServerProcess {
    if (this.started === undefined) throw new Error('this program has no plan of a server');
    return this.started;
  }

  get port(): number {
    return this.server.port;
  }

  /** Something for the line that is printed. */
  figure(text: string): void {
    this.figures.push(text);
  }

  /** Behaviour: it has to be so on any machine. */
  require(what: string, holds: boolean): void {
    if (!holds) this.failures.push(what);
  }

  /** A time, or memory: judged in the long form only, which is meant for a quiet machine. */
  requireWhenQuiet(what: string, holds: boolean): void {
    if (this.long) this.require(what, holds);
  }
}
