/** Sends back what it receives. */
import { Mux } from 'netmux';
import { runExample } from './command-line.js';

await runExample({
  client: 'nc HOST PORT',
  start({ address, muxOptions }) {
    const mux = new Mux(muxOptions);
    mux.setCallbackObject({
      mux_input(_mux, fh, data) {
        // Above the high-water mark: the peer sends faster than it reads, so nothing more is read from it for now.
        if (!fh.write(data)) fh.pause();
        data.consume();
      },
      mux_outbuffer_empty(_mux, fh) {
        fh.resume();
      },
    });
    return mux.listen(address);
  },
});
