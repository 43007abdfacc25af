// Starts workers with handles of each kind, output that nobody takes, and timers, and ends them in the middle of that in four ways in turn.
// Prints how many descriptors the process had open after the first four, and after all; and its resident memory in KiB, for who looks.
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, threadId, Worker } from 'node:worker_threads';

const WAYS = ['terminate', 'exit', 'throw', 'end'];

const figures = () => ({ descriptors: readdirSync('/dev/fd').length, resident: process.memoryUsage.rss() >> 10 });

if (isMainThread) {
  let first;
  for (let started = 0; started < Number(process.argv[2]); started += WAYS.length) {
    await Promise.all(WAYS.map(run));
    first ??= figures();
  }
  console.log(JSON.stringify({ first, last: figures() }));
} else {
  const { Mux } = await import(process.env.NETMUX_LIBRARY);
  const mux = new Mux();
  const path = join(tmpdir(), `netmux-${process.pid}-${threadId}.sock`);
  let connected = 0;
  mux.setCallbackObject({
    mux_connection(_mux, fh) {
      fh.setTimeout(60);
      fh.write('x'.repeat(1000));
      fh.write(Buffer.alloc(8_000_000)); // more than the kernel takes: by reference
      fh.write(Buffer.alloc(10_000));
      connected += 1;
      if (connected === 4) parentPort.postMessage(path);
    },
    // Nobody reads.
    mux_input() {},
  });
  const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
  await mux.listen({ path }).ready;
  await mux.listen({ host: '127.0.0.1', port: 0, proto: 'udp' }).ready;
  mux.connect({ host: '127.0.0.1', port: listener.localPort });
  mux.connect({ path });
  parentPort.once('message', (way) => {
    if (way === 'exit') process.exit();
    if (way === 'throw') throw new Error('on purpose');
    if (way !== 'end') return;
    for (const fh of mux.handles()) mux.close(fh);
    mux.endLoop();
  });
  await mux.loop();
  parentPort.close();
}

async function run(way) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  let thrown;
  worker.on('error', (error) => {
    thrown = error;
  });
  const exit = new Promise((resolve) => worker.once('exit', resolve));
  const [path] = await once(worker, 'message');
  if (way === 'terminate') await worker.terminate();
  else worker.postMessage(way);
  await exit;
  if (thrown?.message !== (way === 'throw' ? 'on purpose' : undefined)) throw thrown ?? new Error('the worker did not throw');
  rmSync(path, { force: true });
}
