/** Methods that look like callbacks or hooks, and are none. */
import { expect, it } from 'vitest';
import { MultiplexClient, MultiplexServer } from '../../src/index.js';
import { misspeltMethods } from '../../src/server/misspelt.js';
import { describeEngines } from '../engines.js';
import { RecordedServer, start } from './running.js';

const warningsOf = (Server: new () => object, Client?: new (...values: never[]) => object) =>
  misspeltMethods(Server, Client, MultiplexServer);

class Client extends MultiplexClient {
  override mux_input(): void {}
}

it('a name that is nearly that of a callback or hook is told, with the right one', () => {
  class Base extends MultiplexServer {
    pre_lop_hook(): void {}
  }
  class Server extends Base {
    muxInput(): void {}
    mux_inputs(): void {}
    postBindHook(): void {}
    run_deqeue(): void {}
  }
  class Misspelt extends Client {
    mux_conection(): void {}
    mux_wherever(): void {}
  }
  expect(warningsOf(Server)).toEqual([
    'muxInput is not a callback: nobody calls it (did you mean mux_input?)',
    'mux_inputs is not a callback: nobody calls it (did you mean mux_input?)',
    'postBindHook is not a hook: nobody calls it (did you mean post_bind_hook?)',
    'run_deqeue is not a hook: nobody calls it (did you mean run_dequeue?)',
    'pre_lop_hook is not a hook: nobody calls it (did you mean pre_loop_hook?)',
  ]);
  expect(warningsOf(MultiplexServer, Misspelt)).toEqual([
    'mux_conection is not a callback: nobody calls it (did you mean mux_connection?)',
    'mux_wherever is not a callback: nobody calls it',
  ]);
});

it('callbacks of a server whose clients have a class are never called', () => {
  class Server extends MultiplexServer {
    override mux_input(): void {}
  }
  expect(warningsOf(Server)).toEqual([]);
  expect(warningsOf(Server, Client)).toEqual(['mux_input of the server is not called: its clients have a class of their own']);
});

it('names of an application’s own are its own affair', () => {
  class Server extends MultiplexServer {
    override pre_loop_hook(): void {}
    override sig_hup(): Promise<void> {
      return this.hup_server();
    }
    override run_dequeue(): void {}
    payment_hook(): void {}
    mux_(): void {}
    enqueue(): void {}
  }
  expect(warningsOf(Server)).toEqual(['mux_ is not a callback: nobody calls it']);
});

describeEngines('a server', (engine) => {
  it('says so when it starts, at level 1', async () => {
    class Server extends RecordedServer {
      pre_loop_hok(): void {}
    }
    const server = await start(new Server(), engine, { log_level: 1 });
    expect(server.logged).toContain('1 pre_loop_hok is not a hook: nobody calls it (did you mean pre_loop_hook?)');
  });
});
