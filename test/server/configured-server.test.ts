/** What a server does with its options, its timer and its log, from wherever they come. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Handle, InputBuffer, Mux, OptionTable, ServerOptions } from '../../src/index.js';
import { describeAllEngines } from '../engines.js';
import { eventually, failureOf, temporaryDirectory } from '../mux/scene.js';
import { connectTo, RecordedClient, RecordedServer, run, start } from './running.js';

interface GreetingOptions extends ServerOptions {
  readonly greeting?: string;
}

/** Has an option of its own. */
class Greeting extends RecordedServer {
  override options(): OptionTable {
    return { greeting: { type: 'string', default: 'hello', meaning: 'what clients are told first' } };
  }
}

describeAllEngines('options of a server', (engine) => {
  it('come from the constructor, the command line, run(), the file and default_values(), in this order', async () => {
    const conf_file = join(temporaryDirectory(), 'conf');
    writeFileSync(conf_file, 'max_outbuffer 4\nmax_inbuffer 4\nhigh_water_mark 4\nread_size 4\n');
    class Server extends Greeting {
      override default_values(): ServerOptions {
        return { drain_timeout: 5, read_size: 5, conf_file };
      }
    }
    const server = new Server({ max_outbuffer: 1 });
    const argv = ['--max_outbuffer=2', '--max_inbuffer=2', 'word'];
    await start(server, engine, { argv, max_outbuffer: 3, max_inbuffer: 3, high_water_mark: 3 });
    const { max_outbuffer, max_inbuffer, high_water_mark, read_size, drain_timeout } = server.server;
    expect([max_outbuffer, max_inbuffer, high_water_mark, read_size, drain_timeout]).toEqual([1, 2, 3, 4, 5]);
    expect(server.args).toEqual(['word']);
    expect(server.mux.settings).toMatchObject({ maxOutbuffer: 1, maxInbuffer: 2, highWaterMark: 3, readSize: 4, drainTimeout: 5 });
  });

  it('may be the application’s own', async () => {
    const server = await start(new Greeting(), engine, { greeting: 'good morning' } as GreetingOptions);
    expect(server.get_property('greeting')).toBe('good morning');
    expect((await start(new Greeting(), engine)).get_property('greeting')).toBe('hello');
  });

  it('that configure_hook sets go before those of the command line', async () => {
    class Server extends RecordedServer {
      override configure_hook(): void {
        this.set_property('drain_timeout', 1);
        this.set_property('of my own', 'kept');
      }
      override post_configure_hook(): void {
        this.set_property('drain_timeout', this.get_property('drain_timeout') + 1);
      }
    }
    const server = await start(new Server(), engine, { argv: ['--drain_timeout=9'] });
    expect(server.mux.settings.drainTimeout).toBe(2);
    expect(server.get_property('of my own')).toBe('kept');
  });

  it('leave the port to default_port()', async () => {
    class Server extends RecordedServer {
      override default_port(): string {
        return `${join(temporaryDirectory(), 'default')}|unix`;
      }
    }
    const server = new Server();
    void run(server, engine, { port: undefined } as never);
    await server.ready;
    expect(server.listeners[0]!.path).toMatch(/default$/);
  });

  it('that mean nothing here, and mistakes, are warned of once the log is open', async () => {
    class Silent extends RecordedClient {}
    Object.defineProperty(Silent.prototype, 'mux_input', { value: undefined });
    class Server extends RecordedServer {
      override Client = Silent;
      process_request(): void {}
    }
    const server = await start(new Server(), engine, { argv: ['--server_type=Fork', '--check_for_dequeue=9'], log_level: 1 });
    const warnings = server.logged.map((line) => line.replace(/:.*/, ''));
    expect(warnings).toEqual([
      '1 --server_type',
      '1 process_request is never called by this kind of server',
      '1 check_for_dequeue is set, but there is no run_dequeue',
      expect.stringMatching(/^1 Group Not Defined/),
      expect.stringMatching(/^1 User Not Defined/),
      '1 netmux', // a callback object has no mux_input
    ]);
    const client = await connectTo(server);
    await client.send('thrown away'); // D2
    await client.finish();
    await server.journal.until('mux_close c1');
  });

  it('a timer without mux_timeout does nothing, which is told once (D2)', async () => {
    class Client extends RecordedClient {
      override mux_connection(_mux: Mux<RecordedClient>, fh: Handle<RecordedClient>): void {
        fh.setTimeout(0);
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    await start(server, engine, { log_level: 1 });
    const told = () => server.logged.filter((line) => line.includes('there is no mux_timeout')).length;
    for (const _ of [1, 2]) await connectTo(server);
    await eventually('the line', () => told() === 1);
    const client = await connectTo(server);
    await client.send('x');
    await server.journal.until('mux_input c3 "x"');
    expect(told()).toBe(1);
  });
});

describeAllEngines('run_dequeue', (engine) => {
  it('is called on the server again and again, the period counted from its end; client timers go on (D7)', async () => {
    class Server extends RecordedServer {
      override async run_dequeue(): Promise<void> {
        this.journal.add(`begin ${this instanceof RecordedServer && !('netServer' in this)}`);
        await new Promise((resolve) => setTimeout(resolve, 30));
        this.journal.add('end');
        if (this.journal.count('end') === 2) throw new Error('thrown on purpose');
      }
    }
    class Client extends RecordedClient {
      override mux_connection(_mux: Mux<RecordedClient>, fh: Handle<RecordedClient>): void {
        fh.setTimeout(0);
      }
      override mux_timeout(): void {
        this.journal.add(`mux_timeout ${this.name}`);
      }
    }
    const server = new Server();
    server.Client = Client;
    await start(server, engine, { check_for_dequeue: 0.005, log_level: 1 });
    await connectTo(server);
    await server.journal.until('mux_timeout c1');
    await server.journal.until('end', 3);
    expect(server.logged.filter((line) => line.startsWith('1 run_dequeue: Error: thrown on purpose'))).toHaveLength(1);
    const calls = server.journal.lines.filter((line) => line.startsWith('begin') || line === 'end');
    expect(calls.slice(0, 6)).toEqual(['begin true', 'end', 'begin true', 'end', 'begin true', 'end']);
    await server.close();
    const before = server.journal.lines.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(server.journal.lines.slice(before)).not.toContain('begin true');
  });
});

describeAllEngines('the log of a server', (engine) => {
  it('takes values as they are in which nothing ends the line, and a text alone literally', async () => {
    class Client extends RecordedClient {
      override mux_input(_mux: Mux<RecordedClient>, _fh: Handle<RecordedClient>, data: InputBuffer): void {
        this.log(2, '%s said %s', this.peeraddr, data.take().toString());
        this.log(2, '100%\nsecond line');
        this.log(3, 'too verbose');
      }
    }
    const server = new RecordedServer();
    server.Client = Client;
    await start(server, engine, { log_level: 2 });
    const client = await connectTo(server);
    await client.send('a\n0 forged');
    await eventually('both lines', () => server.logged.at(-1) === '2 100%\nsecond line');
    expect(server.logged.at(-2)).toBe('2 127.0.0.1 said a%0A0 forged');
  });

  it('goes to a function, or to a method by its name', async () => {
    const lines: string[] = [];
    class Server extends RecordedServer {
      keep(level: number, text: string): void {
        lines.push(`method ${level} ${text} ${this instanceof RecordedServer}`);
      }
    }
    const byName = await start(new Server(), engine, { log_function: 'keep', log_level: 1 });
    byName.log(1, 'one');
    const byFunction = await start(new RecordedServer(), engine, {
      log_function: (level, text) => void lines.push(`function ${level} ${text}`),
      log_level: 1,
    });
    byFunction.log(1, 'two');
    byFunction.log(1, '%s was said', 'a\n0 forged');
    expect(lines).toContain('method 1 one true');
    expect(lines).toContain('function 1 two');
    expect(lines).toContain('function 1 a%0A0 forged was said');
    expect(byFunction.logged).toEqual([]);
  });

  it('throws what the log function throws, to whoever logs, unless handle_log_error says otherwise', async () => {
    const broken = {
      log_function: (_level: unknown, text: string) => {
        if (text === 'x') throw new Error('log is full');
      },
      log_level: 1,
    };
    const server = await start(new RecordedServer(), engine, broken);
    expect(await failureOf(() => server.log(1, 'x'))).toMatchObject({ message: 'log is full' });
    class Patient extends RecordedServer {
      override handle_log_error(error: Error, level?: number | string, text?: string): void {
        this.journal.add(`${error.message} ${level} ${text}`);
      }
    }
    const patient = await start(new Patient(), engine, broken);
    patient.log(1, 'x');
    expect(patient.journal.lines).toEqual(['log is full 1 x']);
  });
});
