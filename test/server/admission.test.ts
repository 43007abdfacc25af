/** Who is let in, who waits for that, and what becomes of the others. */
import { expect, it } from 'vitest';
import {
  type Handle,
  type InputBuffer,
  type Listener,
  type MultiplexClient,
  MultiplexServer,
  type Mux,
  type Refused,
} from '../../src/index.js';
import { describeAllEngines, describeEngines } from '../engines.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { connectTo, openDatagramPeer, RecordedClient, RecordedServer, start } from './running.js';

/** Whose `allow_deny_hook` is answered by the test. */
class Gatekeeper extends RecordedServer {
  readonly decisions: ((verdict: boolean | Error) => void)[] = [];

  override allow_deny_hook(): Promise<boolean> {
    this.journal.add(`asked ${this.decisions.length + 1}`);
    return new Promise((resolve, reject) => {
      this.decisions.push((verdict) => (verdict instanceof Error ? reject(verdict) : resolve(verdict)));
    });
  }

  override request_denied_hook(client: RecordedClient): void {
    this.journal.add('request_denied_hook');
    client.fh.print('Go away!\n');
  }
}

/** Who refuses everybody. */
class Closed extends RecordedServer {
  override allow_deny_hook(): boolean {
    return false;
  }
}

function raise(message: string): never {
  throw new Error(message);
}

describeAllEngines('a client that waits for a promise', (engine) => {
  it('waits unread, and nobody else does', async () => {
    const server = await start(new Gatekeeper(), engine);
    const first = await connectTo(server);
    await first.send('early');
    await server.journal.until('asked 1');
    const second = await connectTo(server);
    await server.journal.until('asked 2');
    server.decisions[1]!(true);
    await server.journal.until('mux_connection c2');
    await second.send('x');
    await server.journal.until('mux_input c2 "x"');
    expect(server.journal.lines).not.toContain('mux_input c1 "early"');
    server.decisions[0]!(true);
    await server.journal.until('mux_input c1 "early"');
    expect(server.journal.lines).toEqual([
      ...['asked 1', 'asked 2', 'mux_connection c2', 'mux_input c2 "x"'],
      ...['mux_connection c1', 'mux_input c1 "early"'],
    ]);
  });

  it('is refused when the promise says so: its input is thrown away, the text of the hook is sent, the log has it', async () => {
    const server = await start(new Gatekeeper(), engine, { log_level: 3 });
    const client = await connectTo(server);
    await client.send('early');
    await server.journal.until('asked 1');
    server.decisions[0]!(false);
    expect(await client.end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
    await server.journal.until('mux_close shared');
    expect(server.journal.lines).toEqual(['asked 1', 'request_denied_hook', 'mux_eof shared ""', 'mux_close shared']);
    expect(server.logged.at(-1)).toMatch(/^3 \S+ REFUSE TCP Peer: "\[127\.0\.0\.1\]:\d+"$/);
  });

  it('is refused when the promise is rejected, and the log says why (D20)', async () => {
    const server = await start(new Gatekeeper(), engine, { log_level: 1 });
    const client = await connectTo(server);
    await server.journal.until('asked 1');
    server.decisions[0]!(new Error('data base gone'));
    expect(await client.end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
    expect(server.logged.at(-1)).toMatch(/^1 A client is refused: Error: data base gone\n {4}at /);
  });

  it('is refused after allow_deny_timeout; what the promise says later changes nothing', async () => {
    const server = await start(new Gatekeeper(), engine, { allow_deny_timeout: 0.05, log_level: 1 });
    const client = await connectTo(server);
    expect(await client.end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
    expect(server.logged.at(-1)).toBe('1 A client is refused: no answer within 0.05 s (allow_deny_timeout)');
    server.decisions[0]!(true);
    await server.journal.until('mux_close shared');
    expect(server.journal.lines.some((line) => line.startsWith('mux_connection'))).toBe(false);
  });

  it('is asked no further questions once it is refused', async () => {
    let answer = (): void => {};
    class Server extends Gatekeeper {
      override post_accept_hook(): Promise<void> {
        return new Promise((resolve) => {
          answer = resolve;
        });
      }
    }
    const server = await start(new Server(), engine, { allow_deny_timeout: 0.02 });
    expect(await (await connectTo(server)).end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
    answer();
    await new Promise(setImmediate);
    expect(server.journal.lines).not.toContain('asked 1');
  });

  it('is not told of by a line of its own where a flood of them is refused', async () => {
    const server = await start(new Gatekeeper(), engine, { max_pending_admissions: 1, log_level: 1 });
    await connectTo(server);
    await server.journal.until('asked 1');
    const flood = await Promise.all(Array.from({ length: 50 }, () => connectTo(server)));
    for (const peer of flood) expect(await peer.end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
    expect(server.logged.filter((line) => line.includes('wait to be admitted')).length).toBeLessThan(50);
    server.decisions[0]!(true);
  });

  it('is refused at once where max_pending_admissions others wait', async () => {
    const server = await start(new Gatekeeper(), engine, { max_pending_admissions: 2, log_level: 1 });
    const waiting = [await connectTo(server), await connectTo(server)];
    await server.journal.until('asked 2');
    const third = await connectTo(server);
    expect(await third.end()).toMatchObject({ text: 'Go away!\n', by: 'fin' });
    expect(server.logged.at(-1)).toBe('1 More than 2 clients wait to be admitted: 1 refused');
    for (const decide of server.decisions) decide(true);
    await eventually('both are in', () => server.journal.lines.filter((line) => line.startsWith('mux_connection')).length === 2);
    for (const peer of waiting) expect(peer.waiting).toBe('');
    const fourth = await connectTo(server);
    await server.journal.until('asked 4');
    server.decisions[3]!(true);
    await server.journal.until('mux_connection c4');
    expect(fourth.waiting).toBe('');
  });

  it('may be gone meanwhile: it is admitted, and its end is told', async () => {
    const server = await start(new Gatekeeper(), engine);
    const client = await connectTo(server);
    await server.journal.until('asked 1');
    await client.finish();
    server.decisions[0]!(true);
    await server.journal.until('mux_close c1');
    expect(server.journal.lines).toEqual(['asked 1', 'mux_connection c1', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('is let go when the server ends', async () => {
    const server = await start(new Gatekeeper(), engine);
    const client = await connectTo(server);
    await server.journal.until('asked 1');
    const closed = server.close();
    expect(await client.end()).toMatchObject({ by: 'fin' });
    await closed;
    server.decisions[0]!(true);
    expect(server.journal.lines.filter((line) => line.startsWith('mux_connection'))).toEqual([]);
  });

  it('may throw in mux_connection as others may', async () => {
    class Client extends RecordedClient {
      override mux_connection(): void {
        throw new Error('thrown on purpose');
      }
    }
    const server = new Gatekeeper();
    server.Client = Client;
    await start(server, engine, { log_level: 1 });
    const client = await connectTo(server);
    await server.journal.until('asked 1');
    server.decisions[0]!(true);
    expect(await client.end()).toMatchObject({ by: 'fin' });
    expect(server.logged.at(-1)).toMatch(/^1 \[127\.0\.0\.1\]:\d+: Error: thrown on purpose/);
  });
});

describeAllEngines('a refused client', (engine) => {
  it('is told of on the shared listen object, mux_eof and mux_close, once each, also without a text (D3)', async () => {
    class Server extends Closed {
      override post_process_request_hook(): void {
        this.journal.add('post_process_request_hook');
      }
    }
    const server = await start(new Server(), engine);
    const client = await connectTo(server);
    await client.send('secret');
    expect(await client.end()).toMatchObject({ text: '', by: 'fin' });
    await server.journal.until('mux_close shared');
    expect(server.journal.lines).toEqual(['mux_eof shared ""', 'post_process_request_hook', 'mux_close shared']);
  });

  it('may be closed by the hook itself', async () => {
    class Server extends Closed {
      override request_denied_hook({ fh }: RecordedClient): void {
        fh.close();
      }
    }
    const server = await start(new Server(), engine);
    expect(await (await connectTo(server)).end()).toMatchObject({ text: '', by: 'fin' });
    expect(server.journal.lines).toEqual(['mux_eof shared ""', 'mux_close shared']);
  });

  it('gets all of a long text although it has sent input that nobody reads (D5)', async () => {
    const text = 'Go away! '.repeat(50_000);
    class Server extends Closed {
      override request_denied_hook(client: RecordedClient): void {
        client.fh.print(text);
      }
    }
    const server = await start(new Server(), engine);
    const client = await connectTo(server);
    await client.send('x'.repeat(1000));
    expect(await client.end()).toMatchObject({ bytes: text.length, by: 'fin' });
  });

  it('is one whose object cannot be made', async () => {
    class Client extends RecordedClient {
      readonly login = this.netServer.listeners.includes(this.fh as never) ? '' : raise('no memory');
    }
    const server = new RecordedServer();
    server.Client = Client;
    await start(server, engine, { log_level: 1 });
    expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
    await server.journal.until('mux_close shared');
    expect(server.logged.at(-1)).toMatch(/^1 A client is refused: Error: no memory/);
  });

  it('is one whose post_accept_hook or allow_deny_hook throws', async () => {
    class Server extends RecordedServer {
      override post_accept_hook(): void {
        if (this.requests === 1) throw new Error('first');
      }
      override allow_deny_hook(): boolean {
        if (this.requests === 2) throw new Error('second');
        return true;
      }
    }
    const server = await start(new Server(), engine, { log_level: 1 });
    for (const reason of ['first', 'second']) {
      expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
      await eventually('the log', () => server.logged.at(-1)?.startsWith(`1 A client is refused: Error: ${reason}`) === true);
    }
    const third = await connectTo(server);
    await server.journal.until('mux_connection c3');
    await third.send('x');
    await server.journal.until('mux_input c3 "x"');
  });

  it('is nobody whose request_denied_hook throws: the connection is closed all the same', async () => {
    class Server extends Closed {
      override request_denied_hook(): void {
        throw new Error('thrown on purpose');
      }
    }
    const server = await start(new Server(), engine);
    expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
    await server.journal.until('mux_close shared');
  });
});

describeEngines('the access lists', (engine) => {
  it.each([
    [{ allow: ['127\\..*'] }, true],
    [{ allow: ['127'] }, false],
    [{ allow: ['10.9.9.9|0.0.1'] }, false],
    [{ allow: ['127\\..*'], deny: ['127\\.0\\.0\\.1'] }, false],
    [{ cidr_allow: ['127.0.0.0/8', '::1/128'] }, true],
    [{ cidr_allow: ['10.0.0.0/8'] }, false],
    [{ cidr_deny: ['127.0.0.1'], allow: ['.*'] }, false],
  ])('%o: admitted %s', async (lists, isAdmitted) => {
    const server = await start(new RecordedServer(), engine, lists);
    await connectTo(server);
    await server.journal.until(isAdmitted ? 'mux_connection c1' : 'mux_close shared');
  });

  it('that deny only refuse everybody, and a warning says so at the start (D18)', async () => {
    const server = await start(new RecordedServer(), engine, { deny: ['10\\..*'], log_level: 1 });
    expect(server.logged.filter((line) => line.includes('refuse everybody'))).toHaveLength(1);
    expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
  });

  it('may be overridden by allow_deny; then allow_deny_hook has the last word', async () => {
    class Server extends RecordedServer {
      override allow_deny(client: RecordedClient): boolean | Promise<boolean> {
        this.journal.add(`allow_deny ${super.allow_deny(client)}`);
        return true;
      }
      override allow_deny_hook(): boolean {
        this.journal.add('allow_deny_hook');
        return true;
      }
    }
    const server = await start(new Server(), engine, { deny: ['.*'] });
    await connectTo(server);
    await server.journal.until('mux_connection c1');
    expect(server.journal.lines).toEqual(['allow_deny false', 'allow_deny_hook', 'mux_connection c1']);
  });

  it('do not concern UNIX sockets, but allow_deny_hook does; there are no addresses', async () => {
    class Server extends RecordedServer {
      override allow_deny_hook({ peeraddr, peerport, sockaddr, sockport }: MultiplexClient<RecordedServer>): boolean {
        this.journal.add(`allow_deny_hook ${peeraddr} ${peerport} ${sockaddr} ${sockport}`);
        return true;
      }
    }
    const path = `${temporaryDirectory()}/s`;
    const server = await start(new Server(), engine, { port: `${path}|unix`, deny: ['.*'], log_level: 3 });
    await connectTo(server);
    await server.journal.until('mux_connection c1');
    expect(server.journal.lines[0]).toBe('allow_deny_hook undefined undefined undefined undefined');
    expect(server.logged.at(-1)).toMatch(new RegExp(`^3 .* CONNECT UNIX Socket: "${path}"$`));
  });

  it('refuse who has gone before it could be asked who it is: that is no UNIX socket', async () => {
    const server = await start(new RecordedServer(), engine, { allow: ['10\\.9\\.9\\.9'] });
    server.listeners[0]!.pause();
    (await connectTo(server)).reset();
    server.listeners[0]!.resume();
    expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
    expect(server.journal.lines.filter((line) => line.startsWith('mux_connection'))).toEqual([]);
  });

  it('apply to datagrams (D14)', async () => {
    const server = await start(new RecordedServer(), engine, { proto: 'udp', cidr_allow: ['127.0.0.1'] });
    const { localPort } = server.listeners[0]!;
    const stranger = await openDatagramPeer('127.0.0.2');
    const friend = await openDatagramPeer();
    await stranger.send('refused', localPort as number);
    await friend.send('welcome', localPort as number);
    await server.journal.until('mux_input shared "welcome"');
    expect(server.journal.lines).toEqual(['mux_input shared "welcome"']);
    expect(server.requests).toBe(0);
  });
});

describeAllEngines('reverse lookups', (engine) => {
  it('find the name in /etc/hosts: it is peerhost, matches allow, and stands in the log', async () => {
    const server = await start(new RecordedServer(), engine, { reverse_lookups: true, allow: ['localhost'], log_level: 3 });
    await connectTo(server);
    await server.journal.until('mux_connection c1');
    expect(server.mux.handles()[0]!.data!.peerhost).toBe('localhost');
    expect(server.logged.at(-1)).toMatch(/CONNECT TCP Peer: "\[127\.0\.0\.1\]:\d+" \(localhost\) Local: "\[127\.0\.0\.1\]:\d+"$/);
  });

  it('match deny', async () => {
    const server = await start(new RecordedServer(), engine, { reverse_lookups: true, allow: ['.*'], deny: ['localhost'] });
    expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
  });

  it('refuse everybody with double_reverse_lookups autofail, and say why', async () => {
    const server = await start(new RecordedServer(), engine, { double_reverse_lookups: 'autofail', log_level: 3 });
    expect(await (await connectTo(server)).end()).toMatchObject({ by: 'fin' });
    expect(server.logged.at(-2)).toBe('3 Double reverse lookup refused 127.0.0.1: autofail');
  });
});

describeEngines('the shared listen object', (engine) => {
  it('is what timers of a listener and datagrams are told to', async () => {
    class Client extends RecordedClient {
      override mux_timeout(_mux: Mux<RecordedClient>, fh: Handle<RecordedClient>): void {
        this.journal.add(`mux_timeout ${this.name} ${fh === this.fh}`);
      }
      override mux_input(_mux: Mux<RecordedClient>, fh: Handle<RecordedClient>, data: InputBuffer): void {
        this.journal.add(`mux_input ${this.name}`);
        fh.write(data);
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    await start(server, engine, { port: ['0', '0/udp'] });
    server.mux.setTimeout(server.listeners[0]!, 0);
    await server.journal.until('mux_timeout shared true');
    const peer = await openDatagramPeer();
    const answer = peer.receive();
    await peer.send('echo', server.listeners[1]!.localPort as number);
    expect(await answer).toBe('echo');
    await server.close();
    expect(server.journal.lines).toEqual([
      'mux_timeout shared true',
      'mux_input shared',
      'mux_close shared',
      'pre_server_close_hook',
      'server_exit undefined',
    ]);
  });
});

/** Who hears of refusals. */
class Counting extends MultiplexServer {
  readonly told: unknown[] = [];

  override mux_refused(this: MultiplexClient<Counting>, _mux: Mux, _listener: Handle, refused: Refused): void {
    this.netServer.told.push(refused);
  }
}

/** Who is at the door: two connections, the second of which has no place. */
async function crowd(server: { readonly listeners: readonly Listener[] }): Promise<void> {
  await connectTo(server);
  // The reset may be seen while connecting, or as the end.
  const second = await connectTo(server).then(
    (peer) => peer.end(),
    (error) => ({ by: error.code }),
  );
  expect(second).toMatchObject({ by: 'ECONNRESET' });
}

describeAllEngines('a client for whom a limit leaves no place', (engine) => {
  it('is told to mux_refused of the shared object', async () => {
    const server = await start(new Counting(), engine, { max_connections: 1 });
    await crowd(server);
    await eventually('a report', () => server.told.length > 0);
    expect(server.told).toEqual([{ reason: 'connections', count: 1 }]);
  });

  it('is a line in the log where nobody asks', async () => {
    const server = await start(new RecordedServer(), engine, { max_connections: 1, log_level: 1 });
    await crowd(server);
    await eventually('a line', () => server.logged.some((line) => line === '1 Connections kept out by limits: 1 (connections)'));
  });
});
