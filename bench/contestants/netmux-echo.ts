/** netmux, echo. The engine is chosen by NETMUX_ENGINE; with `--busy-poll` it stays awake for a while after each message. */
import { Mux } from 'netmux';

const mux = new Mux({ busyPollMicros: process.argv.includes('--busy-poll') ? 100 : 0 });
mux.setCallbackObject({
  mux_input(_mux, fh, data) {
    fh.write(data);
    data.consume();
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
console.log(`listening on 127.0.0.1:${listener.localPort} (engine: ${mux.engine})`);
await mux.loop();
