/** From `run()` to the end, and all ways to it. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import {
  type FatalError,
  type Handle,
  type InputBuffer,
  MultiplexClient,
  MultiplexServer,
  type Mux,
  type ServerOptions,
} from '../../src/index.js';
import { describeAllEngines, describeEngines, engines } from '../engines.js';
import { eventually, failureOf } from '../mux/scene.js';
import { connectTo, RecordedClient, RecordedServer, run, start, testOptions } from './running.js';

const MIB = 1024 * 1024;

/** Sends as much as it is told to. */
class Producer extends RecordedClient {
  override mux_input(_mux: Mux<RecordedClient>, fh: Handle<RecordedClient>, data: InputBuffer): void {
    fh.print('z'.repeat(Number(data.take().toString())));
    this.journal.add('queued');
  }
}

/** A port of 127.0.0.1 on which somebody else listens. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as { port: number }).port;
}

describeAllEngines('callbacks of a server', (engine) => {
  it('run on an object of the class of clients, one for each connection', async () => {
    class Client extends MultiplexClient<Chat> {
      heard = '';
      override mux_input(_mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer) {
        this.heard += data.take().toString();
        this.netServer.answer(this);
        fh.say('!');
      }
    }
    class Chat extends MultiplexServer<Client> {
      override Client = Client;
      answer(client: Client) {
        client.fh.print(client.heard, ' ', client.peeraddr ?? '?');
      }
    }
    const server = await start(new Chat(), engine);
    const a = await connectTo(server);
    const b = await connectTo(server);
    await a.send('1');
    await a.expect('1 127.0.0.1!\n');
    await b.send('2');
    await b.expect('2 127.0.0.1!\n');
    await a.send('3');
    await a.expect('13 127.0.0.1!\n');
    expect(server.mux.handles().map((fh) => fh.data?.heard)).toEqual(expect.arrayContaining(['13', '2']));
  });

  it('may stand in the server class: they run on an object that inherits from it', async () => {
    class Echo extends MultiplexServer {
      greeting = 'hello';
      shout(text: string) {
        return `${text.toUpperCase()} ${this instanceof Echo} ${'netServer' in this}`;
      }
      override mux_input(this: MultiplexClient<Echo> & Echo, _mux: Mux, fh: Handle, data: InputBuffer) {
        const ofServer = [this.requests, this.get_property('max_pending_admissions'), this.mux === this.netServer.mux];
        fh.say(this.netServer.greeting, ' ', this.shout(data.take().toString()), ' ', this.peeraddr ?? '', ' ', ofServer.join());
      }
    }
    const server = await start(new Echo(), engine);
    const client = await connectTo(server);
    await client.send('x');
    await client.expect('hello X true true 127.0.0.1 1,1024,true\n');
  });

  it('know both ends of their own connection, also when it is over (D28)', async () => {
    const ends: unknown[] = [];
    class Client extends RecordedClient {
      override mux_close(): void {
        ends.push([this.peeraddr, this.peerport, this.sockaddr, this.sockport, this.peerhost]);
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    const { listeners } = await start(server, engine);
    const peers = [await connectTo(server), await connectTo(server)];
    const expected = peers.map((peer) => ['127.0.0.1', peer.socket.localPort, '127.0.0.1', listeners[0]!.localPort, undefined]);
    for (const peer of peers) await peer.finish();
    await eventually('both ends', () => ends.length === 2);
    expect(ends).toEqual(expect.arrayContaining(expected)); // whose end is seen first is the kernel's business
  });

  it('count seconds since 1970 in connected', async () => {
    const server = await start(new RecordedServer(), engine);
    const before = Math.floor(Date.now() / 1000);
    await connectTo(server);
    await server.journal.until('mux_connection c1');
    const { connected } = server.mux.handles()[0]!.data!;
    expect(connected).toBeGreaterThanOrEqual(before);
    expect(connected).toBeLessThanOrEqual(Date.now() / 1000);
  });

  it('mux_close comes behind post_process_request_hook, also when that throws', async () => {
    class Server extends RecordedServer {
      override post_process_request_hook(): void {
        this.journal.add('post_process_request_hook');
        throw new Error('thrown on purpose');
      }
    }
    const server = await start(new Server(), engine, { log_level: 1 });
    const client = await connectTo(server);
    await client.finish();
    await server.journal.until('mux_close c1');
    expect(server.journal.lines).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'post_process_request_hook', 'mux_close c1']);
    expect(server.logged.join()).toMatch(/1 post_process_request_hook: Error: thrown on purpose\n {4}at /);
  });

  it('cost their own connection when they throw; the log has the stack at level 1 (D1)', async () => {
    class Client extends RecordedClient {
      override mux_input(): void {
        throw new Error('forged\nline');
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    await start(server, engine, { log_level: 1 });
    const client = await connectTo(server);
    await client.send('x');
    expect(await client.end()).toMatchObject({ by: 'fin' });
    expect(server.logged.at(-1)).toMatch(/^1 \[127\.0\.0\.1\]:\d+: Error: forged%0Aline\n {4}at /);
    await connectTo(server);
    await server.journal.until('mux_connection c2');
  });
});

describeAllEngines('the end of a server', (engine) => {
  it('close() flushes what is queued and calls mux_close for each connection, no mux_eof, then the hooks (D8)', async () => {
    const server = new RecordedServer();
    server.Client = Producer;
    const over = run(server, engine);
    await server.ready;
    const idle = await connectTo(server);
    await server.journal.until('mux_connection c1');
    const reader = await connectTo(server, { reading: false });
    await reader.send(String(8 * MIB));
    await server.journal.until('queued');
    const closed = server.close();
    expect(await idle.end()).toMatchObject({ text: '', by: 'fin' });
    reader.startReading();
    expect(await reader.end()).toMatchObject({ bytes: 8 * MIB, by: 'fin' });
    await closed;
    await over;
    expect(server.journal.lines.slice(2)).toEqual([
      'queued',
      'mux_close c1',
      'mux_close c2',
      'pre_server_close_hook',
      'server_exit undefined',
    ]);
    await expect(failureOf(() => connectTo({ listeners: [{ localPort: idle.socket.remotePort } as never] }))).resolves.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('gives up output that nobody reads after drain_timeout', async () => {
    const server = new RecordedServer();
    server.Client = Producer;
    await start(server, engine, { drain_timeout: 0.2, max_outbuffer: 0 });
    const client = await connectTo(server, { reading: false });
    await client.send(String(32 * MIB));
    await server.journal.until('queued');
    await server.close();
    expect(server.journal.lines.at(-3)).toBe('mux_close c1');
  });

  it('is paced by drain_rate', async () => {
    const server = await start(new RecordedServer(), engine, { drain_rate: 100 });
    const closings: number[] = [];
    for (let count = 1; count <= 20; count += 1) {
      const client = await connectTo(server);
      void client.end().then(() => closings.push(performance.now()));
      await server.journal.until(`mux_connection c${count}`);
    }
    const begun = performance.now();
    await server.close();
    await eventually('all are closed', () => closings.length === 20);
    // 20 at 100 a second: the last goes after 190 ms at the earliest, and half of them not before 90.
    expect(closings[19]! - begun).toBeGreaterThan(150);
    expect(closings[10]! - begun).toBeGreaterThan(70);
  });

  it('comes by server_close() in a callback, once the callback is through', async () => {
    class Client extends RecordedClient {
      override mux_input(_mux: Mux<RecordedClient>, fh: Handle<RecordedClient>, data: InputBuffer): void {
        data.consume();
        void this.netServer.server_close();
        fh.print('last words');
        this.journal.add('returned');
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    const over = run(server, engine);
    await server.ready;
    const client = await connectTo(server);
    await client.send('x');
    expect(await client.end()).toMatchObject({ text: 'last words', by: 'fin' });
    await over;
    expect(server.journal.lines).toEqual([
      'mux_connection c1',
      'returned',
      'mux_close c1',
      'pre_server_close_hook',
      'server_exit undefined',
    ]);
  });

  it('comes by an AbortSignal', async () => {
    const controller = new AbortController();
    const server = new RecordedServer();
    const over = run(server, engine, { signal: controller.signal });
    await server.ready;
    controller.abort();
    await over;
    expect(server.journal.lines).toEqual(['pre_server_close_hook', 'server_exit undefined']);
  });

  it('comes before the start where the signal is aborted already: nothing is bound, and ready rejects', async () => {
    const server = new RecordedServer();
    await run(server, engine, { signal: AbortSignal.abort() });
    expect(server.listeners).toEqual([]);
    await expect(server.ready).rejects.toMatchObject({ code: 'NETMUX_NOT_RUNNING' });
  });

  it('comes while a hook at the start is waited for: no further step is taken', async () => {
    class Server extends RecordedServer {
      override async post_bind_hook(): Promise<void> {
        void this.close();
        await sleep(20);
        this.journal.add('post_bind_hook');
      }
      override pre_loop_hook(): void {
        this.journal.add('pre_loop_hook');
      }
    }
    const server = new Server();
    await run(server, engine);
    expect(server.journal.lines).toContain('server_exit undefined');
    expect(server.journal.lines).not.toContain('pre_loop_hook');
  });

  it('comes by await using', async () => {
    const server = new RecordedServer();
    const over = run(server, engine);
    {
      await using served = server;
      await served.ready;
    }
    await over;
    expect(server.journal.lines.at(-1)).toBe('server_exit undefined');
  });

  it('comes by itself when nothing is left to serve', async () => {
    const server = new RecordedServer();
    const over = run(server, engine);
    await server.ready;
    server.mux.close(server.listeners[0]!);
    await over;
    expect(server.journal.lines).toEqual(['mux_close shared', 'pre_server_close_hook', 'server_exit undefined']);
  });

  it('leaves server_exit out with no_exit_on_close', async () => {
    const server = await start(new RecordedServer(), engine, { no_exit_on_close: true });
    await server.close();
    expect(server.journal.lines).toEqual(['pre_server_close_hook']);
  });

  it('is not held up by a hook that throws', async () => {
    class Server extends RecordedServer {
      override pre_server_close_hook(): Promise<void> {
        return Promise.reject(new Error('thrown on purpose'));
      }
      override post_child_cleanup_hook(): void {
        this.journal.add('post_child_cleanup_hook');
      }
    }
    const server = await start(new Server(), engine, { log_level: 2 });
    await server.close();
    expect(server.journal.lines).toEqual(['post_child_cleanup_hook', 'server_exit undefined']);
    expect(server.logged.some((line) => line.startsWith('1 pre_server_close_hook: Error: thrown on purpose'))).toBe(true);
  });

  it('is the only one: a server runs once, others beside it', async () => {
    const server = await start(new RecordedServer(), engine);
    await expect(server.run(testOptions(engine))).rejects.toMatchObject({ code: 'NETMUX_ALREADY_RUNNING' });
    const other = await start(new RecordedServer(), engine);
    await other.close();
    await connectTo(server);
    await server.journal.until('mux_connection c1');
  });
});

describeEngines('a fatal error', (engine) => {
  it('of a port in use: hooks, exit value, and run() rejects with its code', async () => {
    class Server extends RecordedServer {
      override fatal_hook(error: Error, origin: string, file: string, line: number): void {
        this.journal.add(`fatal_hook [${error}] ${origin} ${typeof file} ${line > 0}`);
      }
      override post_child_cleanup_hook(): void {
        this.journal.add('post_child_cleanup_hook');
      }
    }
    const port = await takenPort();
    const server = new Server();
    const failure = (await failureOf(() => run(server, engine, { port: [0, port] }))) as FatalError;
    expect(failure).toMatchObject({ name: 'FatalError', code: 'EADDRINUSE' });
    await expect(server.ready).rejects.toBe(failure);
    expect(server.journal.lines).toEqual([
      `fatal_hook [Can't connect to TCP port ${port} on 127.0.0.1 [Address already in use]] netmux string true`,
      'pre_server_close_hook',
      'post_child_cleanup_hook',
      'server_exit 1',
    ]);
  });

  it('gives back the ports that were bound before it', async () => {
    const port = await takenPort();
    const spare = await start(new RecordedServer(), engine);
    const free = spare.listeners[0]!.localPort as number;
    await spare.close();
    await failureOf(() => run(new RecordedServer(), engine, { port: [free, port] }));
    const next = await start(new RecordedServer(), engine, { port: free });
    expect(next.listeners[0]!.localPort).toBe(free);
  });

  it('by fatal() names the place of its call, in the hook and in the log', async () => {
    class Server extends RecordedServer {
      override post_bind_hook(): Promise<void> {
        return this.fatal('no data base');
      }
      override fatal_hook(error: Error, _origin: string, file: string, line: number): void {
        this.journal.add(`fatal_hook ${error.message} ${file.endsWith('life-cycle.test.ts')} ${line > 100}`);
      }
    }
    const server = new Server();
    expect(await failureOf(() => run(server, engine, { log_level: 1 }))).toMatchObject({ code: 'NETMUX_FATAL', message: 'no data base' });
    expect(server.journal.lines).toEqual(['fatal_hook no data base true true', 'pre_server_close_hook', 'server_exit 1']);
    expect(server.logged.at(-1)).toMatch(
      /^0 \d{4}\/\d\d\/\d\d-\d\d:\d\d:\d\d no data base\n {2}at line \d+ in file .*life-cycle\.test\.ts$/,
    );
  });

  it('is what a hook at the start throws', async () => {
    class Server extends RecordedServer {
      override async pre_loop_hook(): Promise<void> {
        throw Object.assign(new Error('no licence'), { code: 'ENOLICENCE' });
      }
    }
    const server = new Server();
    expect(await failureOf(() => run(server, engine))).toMatchObject({ code: 'ENOLICENCE', message: 'no licence' });
    expect(server.journal.lines).toEqual(['pre_server_close_hook', 'server_exit 1']);
  });

  it('while it serves closes the clients', async () => {
    class Client extends RecordedClient {
      override mux_input(): void {
        void this.netServer.fatal('the disk is gone');
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    const over = run(server, engine);
    await server.ready;
    const client = await connectTo(server);
    await client.send('x');
    expect(await client.end()).toMatchObject({ by: 'fin' });
    expect(await failureOf(() => over)).toMatchObject({ message: 'the disk is gone' });
    expect(server.journal.lines).toEqual(['mux_connection c1', 'mux_close c1', 'pre_server_close_hook', 'server_exit 1']);
  });

  const toldBefore = async (options: object, code: string, text: string) => {
    class Server extends RecordedServer {
      override post_configure_hook(): void {
        this.journal.add('post_configure_hook');
      }
    }
    const server = new Server();
    const failure = await failureOf(() => run(server, engine, options as ServerOptions));
    expect(failure).toMatchObject({ code });
    expect(failure.message).toContain(text);
    expect(failure.message).not.toContain('\n');
    expect(server.journal.lines).toEqual(['pre_server_close_hook', 'server_exit 1']);
    expect(server.logged).toEqual([`0 ${failure.message}`]);
  };

  it.each([
    [{ bogus: 1 }, 'NETMUX_BAD_OPTION', 'option bogus given to run(): unknown option'],
    [{ allow: '(' }, 'NETMUX_BAD_OPTION', 'option allow given to run()'],
    [{ cidr_deny: '10.0.0.0/33' }, 'NETMUX_BAD_OPTION', 'option cidr_deny given to run()'],
    [{ port: '70000' }, 'NETMUX_BAD_PORT', '70000'],
    [{ conf_file: '/no/such/file' }, 'NETMUX_BAD_OPTION', '/no/such/file'],
  ])('is a bad option (%o), told before anything was done', toldBefore);

  // Users are looked up by the addon.
  it.skipIf(!engines.includes('native')).each([[{ user: 'nobody-of-that-name' }, 'NETMUX_IDENTITY', 'No such user "nobody-of-that-name"']])(
    'is a bad option (%o), told before anything was done',
    toldBefore,
  );
});
