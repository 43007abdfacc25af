/** Sends each datagram back to its sender. One datagram is one `mux_input`, and `write` answers the one that is being read. */
import { Mux } from 'netmux';
import { runExample } from './command-line.js';

await runExample({
  client: 'nc -u HOST PORT',
  start({ address, muxOptions }) {
    const mux = new Mux(muxOptions);
    mux.setCallbackObject({
      mux_input(_mux, fh, data) {
        fh.write(data);
      },
    });
    return mux.listen({ ...address, proto: 'udp' });
  },
});
