/** What the compiler knows of servers and clients. Most of it is checked by `npm run lint`; it runs, too. */
import { describe, expectTypeOf, it } from 'vitest';
import { type Handle, type InputBuffer, MultiplexClient, MultiplexServer, type Mux, type ServerOptions, serve } from '../../src/index.js';

class Client extends MultiplexClient<Chat> {
  nick = '';

  override mux_input(mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): void {
    expectTypeOf(this.netServer).toEqualTypeOf<Chat>();
    expectTypeOf(this.peeraddr).toEqualTypeOf<string | undefined>();
    expectTypeOf(this.connected).toEqualTypeOf<number>();
    expectTypeOf(fh.data).toEqualTypeOf<Client | undefined>();
    for (const other of mux.handles()) expectTypeOf(other.data!.nick).toEqualTypeOf<string>();
    for (const line of data.lines()) this.netServer.say(this, line);
  }
}

interface ChatOptions extends ServerOptions {
  readonly greeting?: string;
}

class Chat extends MultiplexServer<Client, ChatOptions> {
  override Client = Client;

  say(client: Client, line: string): void {
    client.fh.say(client.nick, ': ', line);
  }

  override allow_deny_hook(client: Client): boolean {
    return client.nick === '';
  }

  override async pre_loop_hook(): Promise<void> {
    expectTypeOf(this.mux).toEqualTypeOf<Mux<Client>>();
  }
}

describe('types', () => {
  it('know the class of clients in hooks and callbacks, and the options', () => {
    const chat = new Chat({ greeting: 'hello' });
    expectTypeOf<NonNullable<Parameters<Chat['run']>[0]>>().toHaveProperty('greeting');
    expectTypeOf<NonNullable<Parameters<Chat['run']>[0]>>().toHaveProperty('signal');
    expectTypeOf(chat.get_property('drain_timeout')).toEqualTypeOf<number>();
    expectTypeOf(chat.get_property('greeting')).toEqualTypeOf<string | undefined>();
    expectTypeOf(chat.server.requests).toEqualTypeOf<number>();
    expectTypeOf(chat.ready).toEqualTypeOf<Promise<void>>();
  });

  it('refuse what would not work', () => {
    class Stranger extends MultiplexClient {
      other = 1;
    }
    class Wrong extends MultiplexServer<Client> {
      // @ts-expect-error these are not the clients that the server was declared with
      override Client = Stranger;
    }
    // @ts-expect-error there is no such option
    const unknown = () => new Chat({ gretting: 'hello' });
    // @ts-expect-error a number is needed
    const illTyped = () => Chat.run({ drain_timeout: 'long' });
    class Misspelt extends MultiplexClient {
      // @ts-expect-error who says that a callback overrides one has misspelt it
      override mux_inputs(): void {}
    }
    expectTypeOf([Wrong, unknown, illTyped, Misspelt]).toBeArray();
  });

  it('refuse what would not work in an object for serve()', () => {
    // @ts-expect-error there is no such callback
    const callback = () => serve({ mux_inputs() {} });
    // @ts-expect-error there is no such hook
    const hook = () => serve({ mux_input() {}, pre_lop_hook() {} });
    // @ts-expect-error there is no such option
    const option = () => serve({ mux_input() {}, prot: 7000 });
    // @ts-expect-error a number is needed
    const illTyped = () => serve({ mux_input() {}, drain_timeout: 'long' });
    // @ts-expect-error one of the choices is needed
    const choice = () => serve({ mux_input() {}, log_format: 'xml' });
    // @ts-expect-error of the client, there is no such member
    const member = () => serve({ mux_input: (_mux, fh) => fh.data?.nick });
    expectTypeOf([callback, hook, option, illTyped, choice, member]).toBeArray();
  });

  it('know the object that callbacks of the server class run on, as far as they say it', () => {
    class Echo extends MultiplexServer {
      count = 0;
      override mux_input(this: MultiplexClient<Echo>, _mux: Mux, fh: Handle, data: InputBuffer): void {
        expectTypeOf(this.netServer.count).toEqualTypeOf<number>();
        fh.write(data);
      }
    }
    expectTypeOf(Echo.run).returns.toEqualTypeOf<Promise<void>>();
  });

  it('know what this is in an object for serve()', () => {
    const build = () =>
      serve<Client>({
        port: 0,
        post_bind_hook() {
          expectTypeOf(this.listeners.length).toEqualTypeOf<number>();
        },
        mux_connection(mux, fh) {
          expectTypeOf(this.nick).toEqualTypeOf<string>();
          expectTypeOf(mux).toEqualTypeOf<Mux<Client>>();
          expectTypeOf(fh).toEqualTypeOf<Handle<Client>>();
        },
      });
    expectTypeOf(build).returns.toEqualTypeOf<MultiplexServer<Client>>();
  });

  it('know options of an application, where it names them', () => {
    const own = () => serve<Client, { idle: number }>({ mux_input() {}, idle: 5 });
    // @ts-expect-error a number is needed
    const illTyped = () => serve<Client, { idle: number }>({ mux_input() {}, idle: 'long' });
    // @ts-expect-error there is no such option
    const unknown = () => serve<Client, { idle: number }>({ mux_input() {}, idel: 5 });
    class Idle extends MultiplexServer<Client, ServerOptions & { idle?: number }> {}
    const value = (server: Idle) => server.get_property('idle');
    expectTypeOf(value).returns.toEqualTypeOf<number | undefined>();
    expectTypeOf([own, illTyped, unknown]).toBeArray();
  });
});
