import { setTimeout as sleep } from 'node:timers/promises';
import { conf, Dequeuing, ev, type Handle } from '../vocabulary.js';

/** The client waits for the tick as long as the period is: it has to begin to wait later than the server. */
const HEAD_START_MS = 200;

class Server extends Dequeuing {
  override pre_loop_hook(): void {}

  override connected(fh: Handle): void {
    fh.setTimeout(0.2);
  }
}

export default async () => {
  const server = new Server(conf({ check_for_dequeue: 5 }));
  const over = server.run();
  await server.ready;
  await sleep(HEAD_START_MS);
  ev('ready');
  await over;
};
