/** `no_client_stdout: false`: standard output is the client's while its callbacks run, and nobody else's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Handle, InputBuffer, Mux } from '../../src/index.js';
import { describeEngines } from '../engines.js';
import type { ChildProgram } from '../mux/child-program.js';
import { startProgram } from './program.js';
import { connectTo, openDatagramPeer, RecordedClient, RecordedServer, start } from './running.js';

type Fh = Handle<RecordedClient>;
type M = Mux<RecordedClient>;

/** Prints the name of each callback. */
class Printing extends RecordedClient {
  override mux_connection(mux: M, fh: Fh): void {
    super.mux_connection(mux, fh);
    process.stdout.write('connection;');
    fh.setTimeout(0);
  }

  override mux_timeout(_mux: M, _fh: Fh): void {
    process.stdout.write('timeout;');
    this.journal.add(`mux_timeout ${this.name}`);
  }

  override mux_input(_mux: M, _fh: Fh, data: InputBuffer): unknown {
    process.stdout.write(`input ${data.take()};`);
    return undefined;
  }

  override mux_eof(_mux: M, _fh: Fh): void {
    process.stdout.write('eof;');
  }

  override mux_close(mux: M, fh: Fh): void {
    process.stdout.write(`close of ${this.name};`);
    super.mux_close(mux, fh);
  }
}

function printing(Client = Printing): RecordedServer {
  const server = new RecordedServer();
  server.Client = Client;
  return server;
}

/** What is printed to standard output, in the place of which it is put, until the test is over. */
function standardOutput(): string[] {
  const printed: string[] = [];
  const { write } = process.stdout;
  process.stdout.write = ((data: string) => {
    printed.push(String(data));
    return true;
  }) as typeof process.stdout.write;
  onTestFinished(() => {
    process.stdout.write = write;
  });
  return printed;
}

describeEngines('linked output', (engine) => {
  it('goes to the client in its callbacks, to standard output in mux_close', async () => {
    const printed = standardOutput();
    const server = await start(printing(), engine, { no_client_stdout: false });
    const client = await connectTo(server);
    await server.journal.until('mux_timeout c1');
    await client.send('x');
    await client.expect('connection;timeout;input x;');
    await client.finish();
    expect((await client.end()).text).toBe('eof;');
    await server.journal.until('mux_close c1');
    expect(printed).toEqual(['close of c1;']);
  });

  it('is off by default (D27)', async () => {
    const printed = standardOutput();
    const server = await start(printing(), engine);
    const client = await connectTo(server);
    await server.journal.until('mux_timeout c1');
    await client.finish();
    expect((await client.end()).text).toBe('');
    expect(printed.join('')).toMatch(/^connection;timeout;eof;/);
  });

  it('goes to the client in the hooks from post_accept_hook to request_denied_hook', async () => {
    const printed = standardOutput();
    class Server extends RecordedServer {
      override post_accept_hook(): void {
        process.stdout.write('post_accept_hook;');
      }
      override allow_deny_hook(): boolean {
        process.stdout.write('allow_deny_hook;');
        return false;
      }
      override request_denied_hook(): void {
        process.stdout.write('request_denied_hook;');
      }
    }
    const server = await start(new Server(), engine, { no_client_stdout: false });
    expect((await (await connectTo(server)).end()).text).toBe('post_accept_hook;allow_deny_hook;request_denied_hook;');
    expect(printed).toEqual([]);
  });

  it('is of the synchronous part: behind an await it is standard output again', async () => {
    const printed = standardOutput();
    class Client extends Printing {
      override async mux_input(_mux: M, _fh: Fh, data: InputBuffer): Promise<void> {
        data.consume();
        process.stdout.write('before;');
        await sleep(1);
        process.stdout.write('behind;');
        this.journal.add('behind');
      }
    }
    const server = await start(printing(Client), engine, { no_client_stdout: false });
    const client = await connectTo(server);
    await client.send('x');
    await server.journal.until('behind');
    await client.expect('connection;timeout;before;');
    expect(printed).toEqual(['behind;']);
  });

  it('comes back to the outer client when one callback runs inside of another', async () => {
    const printed = standardOutput();
    class Client extends Printing {
      override mux_input(mux: M, fh: Fh, data: InputBuffer): void {
        data.consume();
        for (const other of mux.handles()) if (other !== fh) mux.close(other);
        process.stdout.write('done;');
      }
    }
    const server = await start(printing(Client), engine, { no_client_stdout: false });
    const kicked = await connectTo(server);
    await server.journal.until('mux_timeout c1');
    const kicker = await connectTo(server);
    await server.journal.until('mux_timeout c2');
    await kicker.send('kick');
    expect((await kicked.end()).text).toBe('connection;timeout;');
    // A mux_close inside of a callback prints to whom that callback is about.
    await kicker.expect('connection;timeout;close of c1;done;');
    expect(printed).toEqual([]);
  });

  it('ends with a throw', async () => {
    const printed = standardOutput();
    class Client extends Printing {
      override mux_input(): void {
        process.stdout.write('thrown;');
        throw new Error('thrown on purpose');
      }
    }
    const server = await start(printing(Client), engine, { no_client_stdout: false });
    const client = await connectTo(server);
    await client.send('x');
    expect((await client.end()).text).toBe('connection;timeout;thrown;');
    await server.journal.until('mux_close c1');
    process.stdout.write('mine;');
    expect(printed).toEqual(['close of c1;', 'mine;']);
  });

  it('sends bytes and other encodings as they are, and calls back', async () => {
    standardOutput();
    class Client extends Printing {
      override mux_connection(): void {
        process.stdout.write(Buffer.from([0xe9]));
        process.stdout.write('\xe9', 'latin1');
        process.stdout.write('e9', 'hex', () => this.journal.add('written'));
        process.stdout.write('\xe9', () => this.journal.add('written, too'));
      }
    }
    const server = await start(printing(Client), engine, { no_client_stdout: false });
    const client = await connectTo(server);
    expect([...(await client.receive(5))]).toEqual([0xe9, 0xe9, 0xe9, 0xc3, 0xa9]);
    await server.journal.until('written');
    await server.journal.until('written, too');
  });

  it('answers a datagram', async () => {
    standardOutput();
    const server = await start(printing(), engine, { no_client_stdout: false, proto: 'udp' });
    const peer = await openDatagramPeer();
    const answer = peer.receive();
    await peer.send('x', server.listeners[0]!.localPort as number);
    expect(await answer).toBe('input x;');
  });

  it('leaves process.stdout.write as it was when the last server that wants it has ended', async () => {
    standardOutput();
    const before = process.stdout.write;
    const first = await start(printing(), engine, { no_client_stdout: false });
    const second = await start(printing(), engine, { no_client_stdout: false });
    const client = await connectTo(second);
    await second.journal.until('mux_timeout c1');
    await first.close();
    await client.send('x');
    await client.expect('connection;timeout;input x;');
    expect(process.stdout.write).not.toBe(before);
    await second.close();
    expect(process.stdout.write).toBe(before);
  });

  it('is what console.log writes to', async () => {
    const program: ChildProgram = startProgram(engine, 'linked-output');
    const client = await connectTo({ listeners: [{ localPort: Number(await program.line('listening')) } as never] });
    await client.send('x\n');
    await client.expect('you said x\n');
    await client.send('end\n');
    expect((await client.end()).text).toBe('');
    expect(await program.ending()).toMatchObject({ code: 0, stderr: '' });
    expect((await program.ending()).stdout).toMatch(/^listening \d+\nclosed\n$/);
  });
});
