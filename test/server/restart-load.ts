import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { Peer } from '../mux/peer.js';
import { SLOWNESS } from '../patience.js';

/** Who says nothing for a quarter of a second is sent away by a restart: where everything takes several times as long, clients are too late. */
export const clientsAreLate = SLOWNESS > 1;
const why = clientsAreLate ? ' (skipped: clients are slow to speak here)' : '';

/** The title of a test in which no client may be late. */
export const inTime = (title: string) => `${title}${why}`;

/** What became of the requests of a load. */
export interface Outcome {
  readonly answered: number;
  /** By which programs, in the order of their answers. */
  readonly generations: readonly number[];
  /** One line for each request without its whole answer: refused, reset, ended early. */
  readonly failures: readonly string[];
}

/** Clients that connect, ask once, read the answer to its end, close, and connect again. */
export class Load {
  readonly #to: number | string;
  readonly #over = new AbortController();
  readonly #clients: Promise<void>[];
  readonly #failures: string[] = [];
  readonly #generations = new Set<number>();
  #answered = 0;

  /** @param to a port or a UNIX path */
  constructor(to: number | string, clients: number) {
    this.#to = to;
    this.#clients = Array.from({ length: clients }, (_, number) => this.#ask(number));
    onTestFinished(() => this.#over.abort());
  }

  get answered(): number {
    return this.#answered;
  }

  /** Of the program that has answered last. */
  get generation(): number {
    return [...this.#generations].at(-1) ?? 0;
  }

  async stop(): Promise<Outcome> {
    this.#over.abort();
    await Promise.all(this.#clients);
    return { answered: this.#answered, generations: [...this.#generations], failures: this.#failures };
  }

  async #ask(client: number): Promise<void> {
    for (let request = 0; !this.#over.signal.aborted; request += 1) {
      const question = `question ${client} ${request} ${'x'.repeat(1000)}\n`;
      try {
        const peer = await Peer.connect(this.#to);
        await peer.send(question);
        // In front of the question, which it ends with, stands the number of the program, of one digit or more.
        let answer = (await peer.receive(2 + question.length)).toString();
        while (!answer.endsWith('\n')) answer += (await peer.receive(1)).toString();
        if (!answer.endsWith(` ${question}`)) throw new Error(`another answer: ${answer}`);
        this.#generations.add(Number(answer.split(' ')[0]));
        peer.socket.destroy();
        this.#answered += 1;
      } catch (error) {
        this.#failures.push((error as Error).message);
      }
      await sleep(1);
    }
  }
}
