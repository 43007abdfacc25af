/** netmux, sends back each line; one that begins with a blank goes to everybody. The engine is chosen by NETMUX_ENGINE. */
import { Mux } from 'netmux';

const mux = new Mux();
mux.setCallbackObject({
  mux_input(_mux, fh, data) {
    for (const line of data.lines()) {
      if (line.startsWith(' ')) {
        const message = Buffer.from(`${line}\n`);
        for (const receiver of mux.handles()) receiver.write(message);
      } else {
        fh.write(`${line}\n`);
      }
    }
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
console.log(`listening on 127.0.0.1:${listener.localPort} (engine: ${mux.engine})`);
await mux.loop();
