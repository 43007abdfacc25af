// Starts servers in several worker threads, uses them, and ends the workers while clients are connected. Prints `ok`.
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const { Mux } = await import(process.env.NETMUX_LIBRARY);

async function serve() {
  const mux = new Mux();
  mux.setCallbackObject({
    mux_connection: (_, fh) => fh.setTimeout(0.001),
    mux_timeout: (_, fh) => fh.setTimeout(0.001),
    mux_input: (_, fh, data) => {
      fh.write(data);
      data.consume();
    },
  });
  const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
  return { mux, port: listener.localPort, loop: mux.loop() };
}

async function echo(port, text) {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  let answer = '';
  while (answer.length < text.length) answer += (await once(socket, 'data'))[0].toString();
  if (answer !== text) throw new Error(`sent ${text}, got ${answer}`);
  return socket;
}

if (isMainThread) {
  const own = await serve();
  for (let round = 0; round < 4; round += 1) {
    const workers = Array.from({ length: 4 }, () => new Worker(fileURLToPath(import.meta.url)));
    const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    const sockets = await Promise.all(
      [own.port, ...ports].flatMap((port) => [1, 2, 3].map((number) => echo(port, `client ${number} of ${port}`))),
    );
    const codes = await Promise.all(
      workers.map(async (worker, index) => {
        // Not `once` of node:events: it rejects with what the worker throws.
        const exit = new Promise((resolve) => worker.once('exit', resolve));
        // Each of the ways in which a worker ends.
        if (index === 0) await worker.terminate();
        else worker.postMessage(['exit', 'end', 'throw'][index - 1]);
        worker.on('error', () => {});
        return await exit;
      }),
    );
    if (codes[1] !== 0 || codes[2] !== 0) throw new Error(`the workers ended with ${codes}`);
    await echo(own.port, 'the main thread still serves').then((socket) => socket.destroy());
    for (const socket of sockets) socket.destroy();
  }
  own.mux.endLoop();
  await own.loop;
  console.log('ok');
} else {
  const { mux, port, loop } = await serve();
  parentPort.on('message', async (way) => {
    if (way === 'exit') process.exit(0);
    if (way === 'throw') throw new Error('on purpose');
    parentPort.close();
    mux.endLoop();
    await loop;
  });
  parentPort.postMessage(port);
}
