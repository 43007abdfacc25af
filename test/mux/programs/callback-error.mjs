// A callback throws, or rejects, where that is to end the process.
import { connect } from 'node:net';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const mux = new Mux({ onCallbackError: 'exit' });
mux.setCallbackObject({
  mux_connection() {
    const error = new Error('on purpose');
    if (process.argv[2] === 'reject') return Promise.reject(error);
    throw error;
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
connect({ host: '127.0.0.1', port: listener.localPort }).on('error', () => {});
await mux.loop();
