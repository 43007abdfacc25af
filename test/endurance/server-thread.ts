/** A server in a thread: answers, says where, and is terminated by whoever has started it, or ends itself when told to. */
import { parentPort, workerData } from 'node:worker_threads';
import { Mux, type MuxOptions } from 'netmux';

const mux = new Mux({ ...(workerData as MuxOptions), warn() {} });
mux.setCallbackObject({
  mux_input(_mux, fh, data) {
    fh.write(data.take());
    fh.setTimeout(60);
  },
});
const listener = mux.listen({ host: '127.0.0.1', port: 0 });
parentPort!.on('message', (way) => (way === 'exit' ? process.exit() : mux.endLoop()));
parentPort!.unref();
await listener.ready;
parentPort!.postMessage(listener.localPort);
await mux.loop();
