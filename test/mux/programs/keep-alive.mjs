// What keeps a process alive, and what is still done when it ends by itself or by exit().
import { connect } from 'node:net';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const [what, path] = process.argv.slice(2);
const mux = new Mux({ warn: () => {} });
mux.setCallbackObject({
  mux_input(_, fh, data) {
    fh.write(data.take());
    if (what === 'exit') {
      fh.write(' and last words');
      process.exit(0);
    }
    if (what === 'linger') {
      fh.write(Buffer.alloc(150_000, 'y'));
      fh.close();
      mux.close(listener);
    }
  },
});
const listener = await mux.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path }).ready;
console.log(`listening ${listener.localPort ?? path}`);
switch (what) {
  case 'unref listener':
    listener.unref();
    void mux.loop();
    break;
  case 'unref client': {
    mux.setCallbackObject({
      mux_connection(_, fh) {
        fh.unref();
        mux.close(listener);
      },
    });
    void mux.loop();
    connect({ host: '127.0.0.1', port: listener.localPort }).unref();
    break;
  }
  case 'unref timer':
    listener.unref();
    listener.setTimeout(0.2);
    mux.setCallbackObject({ mux_timeout: () => console.log('fired') });
    void mux.loop();
    break;
  default:
    void mux.loop().then(() => console.log('over'));
}
process.on('exit', (code) => console.log(`exit ${code}`));
