// Serves an object; the argument says which.
import { once } from 'node:events';
import { createServer } from 'node:net';

const { serve } = await import(process.env.NETMUX_LIBRARY);
const common = { port: 0, host: '127.0.0.1', argv: [], mux_input: (_mux, _fh, data) => data.consume() };

switch (process.argv[2]) {
  case 'listen': {
    const server = serve({ ...common, log_level: 0, mux_connection: (_mux, fh) => void fh.print('hello') });
    await server.ready;
    console.log(`listening ${server.listeners[0].localPort}`);
    break;
  }
  case 'unknown option':
    serve({ ...common, bogus: 1 });
    break;
  case 'misspelt option':
    serve({ ...common, prot: 1 });
    break;
  case 'misspelt hook':
    serve({ ...common, post_bind_hok() {} });
    break;
  case 'misspelt class':
    serve({ ...common, Cleint: class {} });
    break;
  case 'foreign class':
    serve({ ...common, Client: class {} });
    break;
  case 'no class':
    serve({ ...common, Client: 5 });
    break;
  case 'thrown':
    serve({
      ...common,
      log_level: 0,
      post_bind_hook() {
        throw new Error('no data base');
      },
    });
    break;
  case 'port in use': {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const server = serve({ ...common, port: busy.address().port, log_level: 1 });
    await server.ready.catch(() => busy.close());
  }
}
