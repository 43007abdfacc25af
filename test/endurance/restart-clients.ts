/**
 * The clients of the program `restart`, each kind in a thread of its own, so that one kind's bursts do not hold up the other:
 * newcomers connect at a steady rate, ask once, read the whole answer and close; regulars stay, ask now and then, and connect again at once
 * when they are ended.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { closed, openSocket } from './clients.js';
import { Latencies } from './latencies.js';

export interface ClientsPlan {
  readonly port: number;
  /** Connections a second. */
  readonly newcomers?: number;
  /** How many stay. */
  readonly regulars?: number;
}

/** What clients saw until they were told to stop. */
export interface Experience {
  readonly answered: number;
  /** Regulars' questions that were on their way when the server ended the connection: they were not accepted, and are asked again. */
  readonly crossed: number;
  /** How often a regular was ended. */
  readonly ended: number;
  /** A line for each connection that was refused or reset, and for each answer that did not come, or not whole. */
  readonly losses: readonly string[];
  /** In milliseconds, from `connect` to the whole answer; of newcomers. */
  readonly p99: number;
  readonly longest: number;
  readonly seconds: number;
}

/** Several segments: an answer can be cut. */
const REPEATED = 128;

/** What a server can have in work at a time, far above what a restart keeps waiting; beyond it the rate falls. */
const MOST_AT_A_TIME = 8000;

/** Newcomers of so long come at once. */
const TICK_MS = 5;

/** Between two questions of a regular. */
const PAUSE_MS = 2000;

export function answerTo(question: string): string {
  return `${question.repeat(REPEATED)}\n`;
}

/** How a question ended: with its whole answer, or by the server's FIN before any of it; else there is a line about it. */
type Reply = 'answered' | 'crossed' | 'lost';

/** Each port of an address that closed first is blocked for a minute. */
function sourceAddress(index: number): string {
  return `127.3.${index & 7}.${1 + ((index >> 3) & 127)}`;
}

class Clients {
  readonly latencies = new Latencies();
  readonly losses: string[] = [];
  answered = 0;
  crossed = 0;
  ended = 0;
  private isOver = false;

  constructor(private readonly port: number) {}

  stop(): void {
    this.isOver = true;
  }

  async newcomers(rate: number): Promise<void> {
    const coming = new Set<Promise<void>>();
    const begun = performance.now();
    for (let come = 0; !this.isOver; await sleep(TICK_MS)) {
      const due = Math.floor((rate * (performance.now() - begun)) / 1000);
      // Those whom this thread could not send in time do not come later in a crowd.
      come = Math.max(come, due - Math.ceil(rate / 10));
      for (; come < due && coming.size < MOST_AT_A_TIME; come += 1) {
        const newcomer = this.newcomer(come).finally(() => coming.delete(newcomer));
        coming.add(newcomer);
      }
    }
    await Promise.all(coming);
  }

  async regulars(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, number) => this.regular(number, count)));
  }

  private async newcomer(number: number): Promise<void> {
    const begun = performance.now();
    const socket = this.open(number);
    const reply = await this.ask(socket, `newcomer ${number}`);
    if (reply === 'answered') this.latencies.values.push(performance.now() - begun);
    if (reply === 'crossed') this.losses.push('a newcomer was ended without an answer');
    socket.end();
    await closed(socket);
  }

  private async regular(number: number, count: number): Promise<void> {
    // They do not all speak in the same moment.
    await sleep((PAUSE_MS * number) / count);
    let hasLeft = false;
    const connect = (): Socket =>
      this.open(number).on('end', () => {
        if (hasLeft) return;
        this.ended += 1;
        socket = connect();
      });
    let socket = connect();
    for (let question = 0, reply: Reply = 'answered'; !this.isOver && reply === 'answered'; question += 1) {
      do {
        reply = await this.ask(socket, `regular ${number} ${question}`);
        if (reply === 'crossed') this.crossed += 1;
      } while (reply === 'crossed');
      await sleep(PAUSE_MS);
    }
    hasLeft = true;
    socket.end();
    await closed(socket);
  }

  private ask(socket: Socket, question: string): Promise<Reply> {
    const expected = answerTo(question);
    return new Promise((resolve) => {
      let received = '';
      const settle = (reply: Reply, loss?: string): void => {
        socket.off('data', onData).off('end', onEnd).off('close', onClose);
        if (reply === 'answered') this.answered += 1;
        if (loss !== undefined) this.losses.push(loss);
        resolve(reply);
      };
      const onData = (text: string): void => {
        received += text;
        if (received === expected) settle('answered');
        else if (received.length >= expected.length) settle('lost', `another answer than to "${question}"`);
      };
      const onEnd = (): void => {
        if (received === '') settle('crossed');
        else settle('lost', `${received.length} of ${expected.length} bytes of an answer`);
      };
      const onClose = (): void => settle('lost');
      if (socket.destroyed) return onClose();
      socket.on('data', onData).on('end', onEnd).on('close', onClose);
      socket.write(`${question}\n`);
    });
  }

  /** Whatever happens to it is told, also when no question is open. */
  private open(number: number): Socket {
    const socket = openSocket(this.port, sourceAddress(number)).setEncoding('latin1').resume();
    return socket.on('error', (error) => this.losses.push(error.message));
  }
}

if (!isMainThread) {
  const { port, newcomers, regulars } = workerData as ClientsPlan;
  const clients = new Clients(port);
  const begun = performance.now();
  parentPort!.once('message', () => clients.stop());
  if (newcomers !== undefined) await clients.newcomers(newcomers);
  if (regulars !== undefined) await clients.regulars(regulars);
  const { answered, crossed, ended, losses, latencies } = clients;
  const seconds = (performance.now() - begun) / 1000;
  const experience: Experience = { answered, crossed, ended, losses, p99: latencies.p99, longest: latencies.longest, seconds };
  parentPort!.postMessage(experience);
}
