// Echoes with only a few descriptors left, and tells what its listener has to say of it. With GREEDY it takes what is left itself, in the
// callbacks of the first and of the sixth connection (whichever batches they come in), and gives it back at SIGUSR1.
import { closeSync, openSync } from 'node:fs';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const limit = Number(process.argv[2]);
const isGreedy = process.argv[3] === 'greedy';
const taken = [];

/** Takes descriptors until there are none. */
function takeAll() {
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
}

const mux = new Mux();
mux.setCallbackObject({
  mux_connection() {
    if (isGreedy && [1, 6].includes(mux.stats().accepted)) takeAll();
  },
  mux_input: (_, fh, data) => fh.write(data.take()),
  mux_error: (_, fh, error) => console.log(`error ${error.code} ${fh === listener} handles ${mux.handles().length}`),
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
// The limit of the process is not asked for: descriptors are taken until so many are left.
takeAll();
for (const descriptor of taken.splice(-limit)) closeSync(descriptor);
const before = taken.length;
process.on('SIGUSR1', () => {
  for (const descriptor of taken.splice(before)) closeSync(descriptor);
});
console.log(`listening ${listener.localPort}`);
process.on('SIGTERM', () => {
  const { user, system } = process.cpuUsage(begin);
  console.log(`cpu ${Math.round((user + system) / 1000)}`);
  process.exit(0);
});
let begin = process.cpuUsage();
process.on('SIGUSR2', () => {
  begin = process.cpuUsage();
});
await mux.loop();
