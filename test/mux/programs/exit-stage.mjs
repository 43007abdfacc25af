// Leaves the process, or the worker it is, at the stage of life that is named by the first argument, in the way named by the second.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, workerData } from 'node:worker_threads';

const [stage, way] = isMainThread ? process.argv.slice(2) : workerData;
const { Mux } = await import(process.env.NETMUX_LIBRARY);

function reached(name) {
  if (name !== stage) return;
  if (way === 'throw') throw new Error('on purpose');
  process.exit(0);
}

reached('loaded');
const mux = new Mux();
reached('constructed');
let clients = 0;
const timedOut = deferred();
const allClosed = deferred();
mux.setCallbackObject({
  mux_connection(_, fh) {
    clients += 1;
    if (stage === 'mux_connection') leave();
    fh.setTimeout(0.01);
  },
  mux_input(_, fh, data) {
    if (stage === 'mux_input') leave();
    fh.write(data);
    data.consume();
    if (stage === 'output queued') {
      fh.write(Buffer.alloc(8 << 20));
      setTimeout(() => reached(stage), 20);
    }
  },
  mux_timeout() {
    if (stage === 'mux_timeout') leave();
    timedOut.resolve();
  },
  mux_eof() {
    if (stage === 'mux_eof') leave();
  },
  mux_close() {
    if (stage === 'mux_close') leave();
    clients -= 1;
    if (clients === 0) allClosed.resolve();
  },
});
const listener = mux.listen({ host: '127.0.0.1', port: 0 });
reached('binding');
await listener.ready;
reached('listening');
const loop = mux.loop();
reached('loop started');
const sockets = await Promise.all(
  Array.from(
    { length: 5 },
    () =>
      new Promise((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: listener.localPort }, () => resolve(socket));
        socket.on('error', () => {});
        if (stage === 'output queued') socket.pause();
      }),
  ),
);
while (clients < 5) await sleep(1);
reached('clients connected');
for (const socket of sockets) socket.write('text');
if (stage !== 'output queued') await new Promise((resolve) => sockets[0].once('data', resolve));
reached('clients served');
await sleep(5);
reached('timer armed');
if (stage === 'connecting') {
  mux.connect({ host: '192.0.2.1', port: 9, timeout: 5 });
  await sleep(5);
  reached('connecting');
}
// A clock would not do: in a process that was held up the clients' end may overtake the timer, which goes with its connection.
await timedOut.promise;
for (const socket of sockets) socket.end();
await allClosed.promise;
mux.endLoop();
reached('ending');
await loop;
reached('ended');
await mux[Symbol.asyncDispose]();
reached('disposed');

/** From inside a callback: a throw there is the library's business, so it is made outside. */
function leave() {
  if (way === 'throw') setImmediate(() => reached(stage));
  else reached(stage);
}

function deferred() {
  const result = {};
  result.promise = new Promise((resolve) => {
    result.resolve = resolve;
  });
  return result;
}
