/** `serve({ … })`: a server that is an object. */
import { expect, it, onTestFinished } from 'vitest';
import { MultiplexClient, MultiplexServer, type ServeOptions, serve } from '../../src/index.js';
import { describeEngines, type TestedEngine } from '../engines.js';
import { Peer } from '../mux/peer.js';
import { startProgram } from './program.js';
import { connectTo, testOptions } from './running.js';

/** Serves until the test is over. */
async function served(engine: TestedEngine, object: ServeOptions): Promise<MultiplexServer<MultiplexClient>> {
  const server = serve({ ...testOptions(engine), handle_signals: false, ...object });
  onTestFinished(() => server.close());
  await server.ready;
  return server;
}

describeEngines('serve()', (engine) => {
  it('runs callbacks on an object for each client, hooks on the server', async () => {
    const hooks: unknown[] = [];
    const server = await served(engine, {
      post_bind_hook() {
        hooks.push(this);
      },
      mux_connection(_mux, fh) {
        fh.print(`hello ${this.peeraddr}, you are number ${this.netServer.requests}\n`);
      },
      mux_input(_mux, fh, data) {
        for (const line of data.lines()) fh.say(line.toUpperCase());
      },
    });
    expect(hooks).toEqual([server]);
    const peer = await connectTo(server);
    await peer.expect('hello 127.0.0.1, you are number 1\n');
    await peer.send('abc\n');
    await peer.expect('ABC\n');
  });

  it('takes a class of clients in the place of callbacks', async () => {
    class Counting extends MultiplexClient {
      count = 0;
      override mux_connection() {
        this.count += 1;
        this.fh.say(this.count);
      }
    }
    const server = serve<Counting>({ ...testOptions(engine), handle_signals: false, Client: Counting });
    onTestFinished(() => server.close());
    await server.ready;
    for (const peer of [await connectTo(server), await connectTo(server)]) await peer.expect('1\n');
  });

  it('is ended by close(); the process may go on', async () => {
    const server = await served(engine, { mux_connection: (_mux, fh) => void fh.print('hello') });
    const peer = await connectTo(server);
    await peer.expect('hello'); // who is not accepted yet is reset
    await server.close();
    expect(await peer.end()).toMatchObject({ by: 'fin' });
  });

  it('has the server refuse what allow_deny_hook refuses', async () => {
    const server = await served(engine, {
      allow_deny_hook: (client) => client.peerport === 1,
      request_denied_hook: (client) => void client.fh.print('Go away!\n'),
    });
    expect(await (await connectTo(server)).end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
  });

  it('handles the signals', async () => {
    const program = startProgram(engine, 'serve', ['listen']);
    const peer = await Peer.connect(Number(await program.line('listening')));
    await peer.expect('hello');
    program.process.kill('SIGTERM');
    expect(await peer.end()).toMatchObject({ by: 'fin' });
    await peer.finish();
    expect(await program.ending()).toMatchObject({ code: 0, signal: null });
  });

  it.each([
    ['unknown option', 'option bogus given to serve(): unknown option\n'],
    ['misspelt option', 'option prot given to serve(): unknown option (did you mean port?)\n'],
    ['misspelt hook', 'option post_bind_hok given to serve(): unknown option (did you mean post_bind_hook?)\n'],
    ['misspelt class', 'option Cleint given to serve(): unknown option (did you mean Client?)\n'],
    ['foreign class', 'Client must be a class that extends MultiplexClient\n'],
    ['no class', 'Client must be a class that extends MultiplexClient, not 5\n'],
    ['thrown', 'no data base\n'],
  ])('turns a fatal error (%s) into one line and exit code 1', async (what, text) => {
    const { code, stderr } = await startProgram(engine, 'serve', [what]).ending();
    expect({ code, stderr }).toEqual({ code: 1, stderr: text });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'not undefined'],
    ['a text', 'chat', 'not "chat"'],
    ['a class of servers', MultiplexServer, 'not a class of servers: call its run()'],
    ['a server', new MultiplexServer(), 'not a server: call its run()'],
  ])('refuses %s at once', (_, given, reason) => {
    expect(() => serve(given as ServeOptions)).toThrow(`serve: options and callbacks in one object are needed, ${reason}`);
  });

  it.each(['mux_input', 'post_bind_hook', 'run_dequeue'])('refuses %s that is no function at once', (name) => {
    expect(() => serve({ [name]: 5 } as ServeOptions)).toThrow(`serve: ${name} must be a function, not 5`);
  });

  it('does not repeat what the log has shown on stderr', async () => {
    const { code, stderr } = await startProgram(engine, 'serve', ['port in use']).ending();
    expect(code).toBe(1);
    expect(stderr.match(/Address already in use/g)).toHaveLength(1);
  });
});
