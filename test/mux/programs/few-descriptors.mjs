// Echoes with only a few descriptors left, and tells what its listener has to say of it.
import { openSync } from 'node:fs';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const limit = Number(process.argv[2]);
const mux = new Mux();
mux.setCallbackObject({
  mux_input: (_, fh, data) => fh.write(data.take()),
  mux_error: (_, fh, error) => console.log(`error ${error.code} ${fh === listener} handles ${mux.handles().length}`),
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
// The limit of the process is not asked for: descriptors are taken until so many are left.
const taken = [];
try {
  for (;;) taken.push(openSync('/dev/null'));
} catch (error) {
  if (error.code !== 'EMFILE') throw error;
}
const { closeSync } = await import('node:fs');
for (const descriptor of taken.splice(-limit)) closeSync(descriptor);
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
