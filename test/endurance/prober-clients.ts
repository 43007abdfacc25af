/** Honest clients in a process of their own, so that their times are the server's and not the attacker's: started by `Prober`. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openMany, openSocket } from './clients.js';
import { Latencies } from './latencies.js';

export interface ProbePlan {
  readonly port: number;
  /** Connections that stay and speak in turn. Without them each message is a newcomer's, who goes when it is answered. */
  readonly steady?: number;
  /** Messages a second, of all together, whether the earlier ones are answered or not. */
  readonly perSecond: number;
}

/** What honest clients saw. */
export interface Service {
  readonly answered: number;
  /** Messages that were not answered, or not as they have to be. */
  readonly unanswered: number;
  /** Milliseconds from when a message was planned to its answer: also what is sent late counts as waiting. */
  readonly p99: number;
  readonly longest: number;
}

/** An answer that does not come in this time does not come. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 10;

let times = new Latencies();
let unanswered = 0;
let waiting = 0;

/** One connection. Answers come in the order of the messages. */
class Probe {
  private readonly planned: { readonly at: number; readonly message: Buffer }[] = [];
  private received = Buffer.alloc(0);

  constructor(
    private readonly socket: Socket,
    private readonly stays: boolean,
  ) {
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('end', () => this.lose()).on('close', () => this.lose());
  }

  say(at: number, message: Buffer): void {
    waiting += 1;
    this.planned.push({ at, message });
    if (this.socket.destroyed) this.lose();
    else this.socket.write(message);
  }

  private take(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    for (let next = this.planned[0]; next !== undefined && this.received.length >= next.message.length; next = this.planned[0]) {
      const { at, message } = next;
      if (!this.received.subarray(0, message.length).equals(message)) {
        this.lose();
        return;
      }
      this.planned.shift();
      this.received = this.received.subarray(message.length);
      waiting -= 1;
      times.values.push(performance.now() - at);
      if (!this.stays) this.socket.resetAndDestroy();
    }
  }

  private lose(): void {
    waiting -= this.planned.length;
    unanswered += this.planned.length;
    this.planned.length = 0;
  }
}

function service(): Service {
  return { answered: times.values.length, unanswered: unanswered + waiting, p99: times.p99, longest: times.longest };
}

const { port, steady, perSecond } = JSON.parse(process.argv[2]!) as ProbePlan;
const probes = (await openMany(port, steady ?? 0)).map((socket) => new Probe(socket, true));
let timer: NodeJS.Timeout | undefined;

function begin(): void {
  [times, unanswered] = [new Latencies(), 0];
  const begun = performance.now();
  let next = 0;
  const speak = (): void => {
    const planned = (): number => begun + (next * 1000) / perSecond;
    for (; planned() <= performance.now(); next += 1) {
      const probe = probes[next % probes.length] ?? new Probe(openSocket(port), false);
      probe.say(planned(), Buffer.from(`probe ${next}\n`));
    }
    timer = setTimeout(speak, planned() - performance.now());
  };
  speak();
}

async function end(): Promise<void> {
  clearTimeout(timer);
  const deadline = performance.now() + PATIENCE_MS;
  while (waiting > 0 && performance.now() < deadline) await sleep(LOOK_MS);
  process.send!(service());
}

process.on('message', (word) => (word === 'begin' ? begin() : void end()));
// The attacker is gone.
process.on('disconnect', () => process.exit());
process.send!('connected');
