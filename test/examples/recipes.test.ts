import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { describeEngines } from '../engines.js';
import { Conversation, codeBlocks, freePort, programUnder, readDocument, startPrinted } from './documents.js';

/** By heading: the document. */
const RECIPES = {
  'A TCP proxy': 'docs/recipes.md',
  'Two ports, two services': 'docs/recipes.md',
  'Stopping on SIGINT': 'docs/recipes.md',
  'Limits for lines': 'docs/recipes.md',
  UDP: 'docs/recipes.md',
  'Behind a proxy that speaks TLS': 'docs/recipes.md',
  'Read no faster than you can write': 'docs/backpressure.md',
  'Send something large': 'docs/backpressure.md',
  'One to many': 'docs/backpressure.md',
  'An idle timeout': 'docs/timers.md',
  'Several deadlines': 'docs/timers.md',
  'A heartbeat': 'docs/timers.md',
} as const;

/** More than the kernel keeps between two sockets, and than `maxOutbuffer`. */
const MANY_BYTES = 48 * 1024 * 1024;

/** Between two looks that find that no more was taken. */
const STANDSTILL_MS = 500;

function recipe(name: keyof typeof RECIPES): string {
  return programUnder(RECIPES[name], name);
}

it.each([...new Set(Object.values(RECIPES))])('every program of %s is run here', (document) => {
  const here = Object.entries(RECIPES).filter(([, path]) => path === document);
  const programs = here.map(([heading]) => programUnder(document, heading));
  expect(codeBlocks(readDocument(document), 'js')).toEqual(programs);
});

/** Sends many bytes without reading, until no more of them are taken; then reads, and expects all of them back. */
async function sendsAllAndReadsLate(port: number): Promise<void> {
  const bytes = randomBytes(MANY_BYTES);
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(bytes);
  for (let sent = -1; sent !== socket.bytesWritten - socket.writableLength; ) {
    sent = socket.bytesWritten - socket.writableLength;
    await wait(STANDSTILL_MS);
  }
  expect((await buffer(socket)).equals(bytes)).toBe(true);
}

/** A server that is talked to through the proxy. */
async function upstream(serve: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, serve).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

describeEngines('the recipe', (engine) => {
  it('Read no faster than you can write: a peer that reads late gets everything, and was never closed for it', async () => {
    const { port } = await startPrinted(recipe('Read no faster than you can write'), engine, [7000]);
    await sendsAllAndReadsLate(port(7000));
  });

  it('A TCP proxy: passes on both directions, half-close included', async () => {
    const port = await upstream((socket) => {
      let heard = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      socket.on('end', () => socket.end(`you said: ${heard}`));
    });
    const code = recipe('A TCP proxy').replace('port: 7001', `port: ${port}`);
    const proxy = await startPrinted(code, engine, [7000]);
    const client = new Conversation(proxy.port(7000));
    client.socket.end('good morning');
    expect(await client.ended).toBe('you said: good morning');
  });

  it('A TCP proxy: loses nothing between peers that read late', async () => {
    const port = await upstream((socket) => {
      socket.pipe(socket);
    });
    const code = recipe('A TCP proxy').replace('port: 7001', `port: ${port}`);
    const proxy = await startPrinted(code, engine, [7000]);
    await sendsAllAndReadsLate(proxy.port(7000));
  });

  it('A TCP proxy: closes the client when nobody listens behind it', async () => {
    const code = recipe('A TCP proxy').replace('port: 7001', `port: ${await freePort()}`);
    const { program, port } = await startPrinted(code, engine, [7000]);
    expect(await new Conversation(port(7000)).ended).toBe('');
    program.kill('SIGTERM');
    expect((await program.ended).stderr).toContain('ECONNREFUSED');
  });

  it('Two ports, two services: each port has its own', async () => {
    const { port } = await startPrinted(recipe('Two ports, two services'), engine, [7000, 7001]);
    const shouted = new Conversation(port(7000));
    const counted = new Conversation(port(7001));
    shouted.socket.end('hello\n');
    counted.socket.end('hello\n');
    expect(await Promise.all([shouted.ended, counted.ended])).toEqual(['HELLO\n', '5\n']);
  });

  it('Behind a proxy that speaks TLS: a client is who the proxy says; who does not say so is no client', async () => {
    const { program, port } = await startPrinted(recipe('Behind a proxy that speaks TLS'), engine, [7000]);
    const client = new Conversation(port(7000));
    client.socket.write('PROXY TCP4 192.0.2.7 203.');
    client.socket.end('0.113.1 51234 7443\r\nhello\n');
    expect(await client.ended).toBe('192.0.2.7 says hello\n');
    const stranger = new Conversation(port(7000));
    stranger.socket.write('hello\n');
    expect(await stranger.ended).toBe('');
    program.kill('SIGTERM');
    expect((await program.ended).stderr).toContain('this is not the proxy');
  });

  it('An idle timeout: who is silent is told, and closed', async () => {
    const code = recipe('An idle timeout').replace('IDLE_SECONDS = 60', 'IDLE_SECONDS = 0.3');
    const { port } = await startPrinted(code, engine, [7000]);
    expect(await new Conversation(port(7000)).ended).toBe('idle, goodbye\n');
  });

  it('Send something large: all numbers arrive, also at a peer that reads late', async () => {
    const { port } = await startPrinted(recipe('Send something large'), engine, [7000]);
    const socket = connect({ host: '127.0.0.1', port: port(7000) });
    await wait(STANDSTILL_MS);
    const lines = (await buffer(socket)).toString().split('\n');
    expect(lines.slice(-2)).toEqual(['1000000', '']);
    expect(lines).toHaveLength(1_000_001);
  });

  it('One to many: who reads hears every message, who does not has missed some', async () => {
    // More in the kernel's buffers and `maxOutbuffer` than they hold, within a moment.
    const message = "'x'.repeat(100_000) + '\\n'";
    const code = recipe('One to many')
      .replace(/`\$\{new Date.*?`/, message)
      .replace('}, 1000)', '}, 1)');
    const { program, port } = await startPrinted(code, engine, [7000]);
    const sleeper = connect({ host: '127.0.0.1', port: port(7000) });
    await once(sleeper, 'connect');
    let heard = 0;
    for await (const bytes of connect({ host: '127.0.0.1', port: port(7000) })) {
      heard += (bytes as Buffer).length;
      if (heard > MANY_BYTES) break;
    }
    sleeper.destroy();
    expect(await program.line()).toMatch(/^a client has missed \d+ messages$/);
  });

  it('Several deadlines: who does not log in is closed, who does stays until the next one', async () => {
    const code = recipe('Several deadlines').replace('LOGIN_SECONDS = 10', 'LOGIN_SECONDS = 1');
    const { port } = await startPrinted(code.replace('IDLE_SECONDS = 60', 'IDLE_SECONDS = 3'), engine, [7000]);
    const member = new Conversation(port(7000));
    member.socket.write('login\n');
    const stranger = new Conversation(port(7000));
    stranger.socket.write('hello\n');
    const first = await Promise.race([member.ended.then(() => 'member'), stranger.ended.then(() => 'stranger')]);
    expect(first).toBe('stranger');
    expect(await member.ended).toBe('login\n');
  });

  it('A heartbeat: who never answers is closed after two beats', async () => {
    const { port } = await startPrinted(recipe('A heartbeat').replace('BEAT_SECONDS = 30', 'BEAT_SECONDS = 0.2'), engine, [7000]);
    expect(await new Conversation(port(7000)).ended).toBe('ping\nping\n');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('Stopping on SIGINT: %s closes the connections and ends with status 0', async (signal) => {
    const { program, port } = await startPrinted(recipe('Stopping on SIGINT'), engine, [7000]);
    const client = new Conversation(port(7000));
    client.socket.write('hello');
    await client.hears('hello');
    program.kill(signal);
    expect(await client.ended).toBe('hello');
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'all connections are closed\n', stderr: '' });
  });

  it('Limits for lines: quit ends it, and so does a line that is too long', async () => {
    const { port } = await startPrinted(recipe('Limits for lines'), engine, [7000]);
    const quitter = new Conversation(port(7000));
    quitter.socket.write('one\nquit\ntwo\n');
    expect(await quitter.ended).toBe('one\n');
    const talker = new Conversation(port(7000));
    talker.socket.write(`${'x'.repeat(1000)}\n${'y'.repeat(1001)}`);
    expect(await talker.ended).toBe(`${'x'.repeat(1000)}\nline too long\n`);
  });

  it('UDP: a datagram is answered with itself and its length', async () => {
    const { port } = await startPrinted(recipe('UDP'), engine, []);
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const heard: string[] = [];
    socket.on('message', (message) => heard.push(`${message}`));
    socket.on('error', () => {}); // refused, while the program starts
    while (heard.length < 2) {
      socket.send('hello', port(7000), '127.0.0.1');
      await wait(100);
    }
    expect(heard.slice(0, 2)).toEqual(['hello', '5 bytes\n']);
  });
});
