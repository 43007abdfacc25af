/** Takes the times of honest clients while a server is attacked. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProbePlan, Service } from './prober-clients.js';

const CLIENTS = fileURLToPath(new URL('prober-clients.js', import.meta.url));

export class Prober {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when its steady connections are established. */
  static async start(plan: ProbePlan): Promise<Prober> {
    const prober = new Prober(fork(CLIENTS, [JSON.stringify(plan)]));
    await prober.message();
    return prober;
  }

  /** What its clients see while `work` goes on. */
  async during(work: () => Promise<unknown>): Promise<Service> {
    this.child.send('begin');
    await work();
    this.child.send('end');
    return (await this.message()) as Service;
  }

  async stop(): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  private async message(): Promise<unknown> {
    const [message] = await Promise.race([
      once(this.child, 'message'),
      once(this.child, 'exit').then(([status, signal]) => Promise.reject(new Error(`the honest clients ended with ${signal ?? status}`))),
    ]);
    return message;
  }
}

/** What the clients of a plan see while `work` goes on. */
export async function probed(plan: ProbePlan, work: () => Promise<unknown>): Promise<Service> {
  const prober = await Prober.start(plan);
  const service = await prober.during(work);
  await prober.stop();
  return service;
}
