import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Handle, Listener, ListenOptions, Mux, MuxCallbacks, MuxOptions } from '../../src/index.js';
import { describeEngines, type TestedEngine } from '../engines.js';
import { Journal, recorder } from './journal.js';
import { failureOf, openMux, openScene, temporaryDirectory } from './scene.js';

/** The largest payload of a UDP datagram over IPv4: 65,535 less the headers of IP (20) and UDP (8). */
const LARGEST = 65_507;

interface DatagramScene {
  readonly mux: Mux;
  readonly journal: Journal;
  readonly socket: Listener;
  readonly warnings: string[];
  readonly loop: Promise<void>;
}

async function openDatagramScene(
  engine: TestedEngine,
  steps: MuxCallbacks = {},
  listen: ListenOptions = { proto: 'udp', host: '127.0.0.1', port: 0 },
  options: MuxOptions = {},
): Promise<DatagramScene> {
  const warnings: string[] = [];
  const mux = openMux(engine, { warn: (line) => warnings.push(line), ...options });
  const journal = new Journal();
  mux.setCallbackObject(recorder(journal, steps));
  const socket = mux.listen(listen);
  journal.name(socket, 'udp');
  await socket.ready;
  const loop = mux.loop();
  return { mux, journal, socket, warnings, loop };
}

/** A plain datagram socket that keeps what it receives. */
class Correspondent {
  readonly socket: Socket;
  readonly received: { text: string; from: RemoteInfo }[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (bytes, from) => this.received.push({ text: bytes.toString('latin1'), from }));
    socket.on('error', () => {});
    onTestFinished(() => {
      socket.close();
    });
  }

  static async open(type: 'udp4' | 'udp6' = 'udp4'): Promise<Correspondent> {
    const socket = createSocket(type);
    const self = new Correspondent(socket);
    socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1');
    await once(socket, 'listening');
    return self;
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(bytes: string | Uint8Array, port: number, host = '127.0.0.1'): Promise<void> {
    return new Promise((resolve, reject) => this.socket.send(bytes, port, host, (error) => (error ? reject(error) : resolve())));
  }

  async receive(count = 1): Promise<{ text: string; from: RemoteInfo }[]> {
    while (this.received.length < count) await once(this.socket, 'message', { signal: AbortSignal.timeout(10_000) });
    return this.received.splice(0, count);
  }
}

describeEngines('UDP', (engine) => {
  it('each datagram is one mux_input; fh.write answers the last sender, and nobody else (S70)', async () => {
    const { mux, journal, socket } = await openDatagramScene(engine, {
      mux_input: (m, fh, data) => {
        journal.add(`isUdp ${m.isUdp(fh)}, handles ${m.handles().length}`);
        fh.write(data.take());
      },
    });
    const a = await Correspondent.open();
    const b = await Correspondent.open();
    await a.send('one', socket.localPort as number);
    expect((await a.receive())[0]?.text).toBe('one');
    await b.send('two', socket.localPort as number);
    expect((await b.receive())[0]).toMatchObject({ text: 'two', from: { port: socket.localPort } });
    expect(a.received).toEqual([]);
    expect(journal.lines).toEqual(['mux_input udp "one"', 'isUdp true, handles 1', 'mux_input udp "two"', 'isUdp true, handles 1']);
    expect(mux.handles()).toEqual([socket]);
  });

  it('what is sent right before the close is sent, and counted', async () => {
    const { mux, socket } = await openDatagramScene(engine);
    const a = await Correspondent.open();
    socket.send('farewell', { host: '127.0.0.1', port: a.port });
    mux.close(socket);
    expect((await a.receive())[0]?.text).toBe('farewell');
    expect(mux.stats()).toMatchObject({ handles: 0, bytesWritten: 8 });
  });

  it('datagrams are never joined, and what a callback leaves of one is dropped (D14)', async () => {
    const { journal, socket } = await openDatagramScene(engine, { mux_input: (_, __, data) => data.consume(1) });
    const a = await Correspondent.open();
    for (const text of ['abc', 'def', 'ghi']) await a.send(text, socket.localPort as number);
    await journal.until('mux_input udp "ghi"');
    expect(journal.lines).toEqual(['mux_input udp "abc"', 'mux_input udp "def"', 'mux_input udp "ghi"']);
  });

  it('a burst that arrives in one turn stays apart, each with its own sender', async () => {
    const seen: string[] = [];
    const { socket } = await openDatagramScene(engine, {
      mux_input: (mux, fh, data) => {
        const peer = mux.udpPeer(fh) as { address: string; port: number };
        seen.push(`${peer.address} ${peer.port} ${data.take()}`);
        fh.write(`got ${seen.length}`);
      },
    });
    const correspondents = [await Correspondent.open(), await Correspondent.open(), await Correspondent.open()];
    const expected: string[] = [];
    for (let index = 0; index < 30; index += 1) {
      const from = correspondents[index % 3] as Correspondent;
      expected.push(`127.0.0.1 ${from.port} ${index}`);
      void from.send(String(index), socket.localPort as number);
    }
    for (const one of correspondents) expect(await one.receive(10)).toHaveLength(10);
    expect(seen).toHaveLength(30);
    expect([...seen].sort()).toEqual(expected.sort());
  });

  it('an empty datagram is empty input, not the end (S72 with D14)', async () => {
    const { journal, socket } = await openDatagramScene(engine, {
      mux_input: (_, fh, data) => {
        if (data.length === 0) fh.write('');
        else fh.write(data.take());
      },
    });
    const a = await Correspondent.open();
    await a.send('x', socket.localPort as number);
    await a.receive();
    await a.send('', socket.localPort as number);
    expect((await a.receive())[0]?.text).toBe('');
    await a.send('y', socket.localPort as number);
    await a.receive();
    expect(journal.lines).toEqual(['mux_input udp "x"', 'mux_input udp ""', 'mux_input udp "y"']);
  });

  it('the largest datagram comes and goes whole', async () => {
    const { journal, socket } = await openDatagramScene(engine, { mux_input: (_, fh, data) => void fh.write(data.take()) });
    const a = await Correspondent.open();
    a.socket.setRecvBufferSize(1 << 20);
    const bytes = Buffer.from(Uint8Array.from({ length: LARGEST }, (_, index) => index % 253));
    await a.send(bytes, socket.localPort as number);
    const [answer] = await a.receive();
    expect(answer?.text === bytes.toString('latin1')).toBe(true);
    expect(journal.lines).toEqual([`mux_input udp ${LARGEST} bytes`]);
  });

  it('fh.send answers anyone, at any time', async () => {
    const { socket } = await openDatagramScene(engine);
    const a = await Correspondent.open();
    const b = await Correspondent.open();
    expect(socket.send('to a', { host: '127.0.0.1', port: a.port })).toBe(true);
    expect(socket.send(Buffer.from('to b'), { host: '127.0.0.1', port: b.port })).toBe(true);
    expect((await a.receive())[0]).toMatchObject({ text: 'to a', from: { address: '127.0.0.1', port: socket.localPort } });
    expect((await b.receive())[0]?.text).toBe('to b');
  });

  it('several sends in one callback are several datagrams', async () => {
    const { socket } = await openDatagramScene(engine, {
      mux_input: (_, fh, data) => {
        data.consume();
        for (let index = 0; index < 5; index += 1) fh.write(`part ${index}`);
      },
    });
    const a = await Correspondent.open();
    await a.send('go', socket.localPort as number);
    expect((await a.receive(5)).map(({ text }) => text)).toEqual(['part 0', 'part 1', 'part 2', 'part 3', 'part 4']);
  });

  it('mux.write tells the bytes sent; without any sender known it refuses', async () => {
    const results: unknown[] = [];
    const { mux, socket } = await openDatagramScene(engine, {
      mux_input: (m, fh, data) => {
        data.consume();
        results.push(m.write(fh, 'äb'));
      },
    });
    expect(mux.write(socket, 'to nobody')).toBe(undefined);
    expect(mux.udpPeer(socket)).toBe(undefined);
    const a = await Correspondent.open();
    await a.send('x', socket.localPort as number);
    await a.receive();
    expect(results).toEqual([3]);
  });

  it('a datagram that is too long for UDP is a TypeError; the socket goes on', async () => {
    const { socket } = await openDatagramScene(engine);
    const a = await Correspondent.open();
    expect(() => socket.send(Buffer.alloc(LARGEST + 1), { host: '127.0.0.1', port: a.port })).toThrow(TypeError);
    socket.send('fine', { host: '127.0.0.1', port: a.port });
    expect((await a.receive())[0]?.text).toBe('fine');
  });

  it('sending to a port where nobody listens ends nothing', async () => {
    const { journal, socket } = await openDatagramScene(engine, { mux_input: (_, fh, data) => void fh.write(data.take()) });
    const probe = createSocket('udp4').bind(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    for (let index = 0; index < 3; index += 1) socket.send('to nobody', { host: '127.0.0.1', port });
    await sleep(10);
    const a = await Correspondent.open();
    await a.send('alive?', socket.localPort as number);
    expect((await a.receive())[0]?.text).toBe('alive?');
    expect(journal.lines.filter((line) => /mux_(eof|close)/.test(line))).toEqual([]);
  });

  it.each([
    ['no address', undefined],
    ['no port', { host: '127.0.0.1' }],
    ['port 0', { host: '127.0.0.1', port: 0 }],
    ['a port above 65535', { host: '127.0.0.1', port: 65_536 }],
    ['a number as host', { host: 5, port: 1 }],
  ])('fh.send with %s is a TypeError', async (_, address) => {
    const { socket } = await openDatagramScene(engine);
    expect(() => socket.send('x', address as never)).toThrow(TypeError);
  });

  it('fh.send on a connection is a TypeError or refused, never a crash', async () => {
    const scene = await openScene(engine);
    const { fh, peer } = await scene.client();
    try {
      expect(fh.send('x', { host: '127.0.0.1', port: 1 })).toBe(false);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
    }
    fh.write('alive');
    await peer.expect('alive');
  });

  it('isUdp is false for a connection and for a listener', async () => {
    const scene = await openScene(engine);
    const { fh } = await scene.client();
    expect([scene.mux.isUdp(fh), scene.mux.isUdp(scene.listener), scene.mux.udpPeer(fh)]).toEqual([false, false, undefined]);
  });

  it('asking for an unknown handle leaves no ghost: the loop can end (D16)', async () => {
    const { mux, socket, loop } = await openDatagramScene(engine);
    const stranger = (await (await openScene(engine)).client()).fh;
    expect([mux.isUdp(stranger), mux.udpPeer(stranger), mux.isUdp({} as Handle), mux.udpPeer({} as Handle)]).toEqual([
      false,
      undefined,
      false,
      undefined,
    ]);
    mux.close(socket);
    await loop;
  });

  it('serves IPv6', async () => {
    const { mux, socket } = await openDatagramScene(
      engine,
      { mux_input: (_, fh, data) => void fh.write(data.take()) },
      { proto: 'udp', host: '::1', port: 0 },
    );
    const a = await Correspondent.open('udp6');
    await a.send('six', socket.localPort as number, '::1');
    expect((await a.receive())[0]?.text).toBe('six');
    expect(mux.udpPeer(socket)).toMatchObject({ address: '::1', port: a.port });
  });

  it('rejects ready when the port is taken', async () => {
    const a = await Correspondent.open();
    const error = await failureOf(() => openMux(engine).listen({ proto: 'udp', host: '127.0.0.1', port: a.port }).ready);
    expect(error).toMatchObject({ code: 'EADDRINUSE', address: '127.0.0.1', port: a.port });
  });

  it('nothing is read before loop()', async () => {
    const mux = openMux(engine);
    const journal = new Journal();
    mux.setCallbackObject(recorder(journal));
    const socket = await mux.listen({ proto: 'udp', host: '127.0.0.1', port: 0 }).ready;
    journal.name(socket, 'udp');
    const a = await Correspondent.open();
    await a.send('early', socket.localPort as number);
    await sleep(20);
    expect(journal.lines).toEqual([]);
    mux.loop().catch(() => {});
    await journal.until('mux_input udp "early"');
  });

  it('has a timer, and mux_close when it is closed', async () => {
    const { mux, journal, socket } = await openDatagramScene(engine, { mux_timeout: (_, fh) => fh.close() });
    socket.setTimeout(0.01);
    await journal.until('mux_close udp');
    expect(journal.lines).toEqual(['mux_timeout udp', 'mux_close udp']);
    expect(mux.handles()).toEqual([]);
    expect(socket.send('x', { host: '127.0.0.1', port: 9 })).toBe(false);
  });

  it('a throw in its mux_input is told to mux_error, and costs no socket: neither a neighbour nor its own', async () => {
    const { mux, journal, socket } = await openDatagramScene(engine, {
      mux_input: (_, fh, data) => {
        if (data.toString() === 'x') throw new Error('boom');
        fh.write(data.take());
      },
    });
    const other = await mux.listen({ proto: 'udp', host: '127.0.0.1', port: 0 }).ready;
    journal.name(other, 'other');
    mux.setCallbackObject({ mux_input: (_, fh, data) => void fh.write(data.take()) }, other);
    const a = await Correspondent.open();
    await a.send('x', socket.localPort as number);
    await journal.until('mux_error udp boom');
    for (const { localPort } of [other, socket]) {
      await a.send('y', localPort as number);
      expect((await a.receive())[0]?.text).toBe('y');
    }
  });

  it('many datagrams while a callback computes are all delivered', async () => {
    const { journal, socket } = await openDatagramScene(engine);
    const a = await Correspondent.open();
    for (let index = 0; index < 100; index += 1) void a.send(`n ${index}`, socket.localPort as number);
    for (let index = 0; index < 100; index += 1) await journal.until(`mux_input udp "n ${index}"`);
    expect(journal.lines).toHaveLength(100);
  });
});

describeEngines('UNIX datagrams', (engine) => {
  if (engine !== 'native') {
    it('are not on this engine, and it says so', async () => {
      const path = join(temporaryDirectory(), 'd');
      const failure = await failureOf(() => openMux(engine).listen({ path, proto: 'unixdgram' }).ready);
      expect(failure).toMatchObject({ code: 'NETMUX_NOT_ON_THIS_ENGINE' });
      expect(existsSync(path)).toBe(false);
    });
    return;
  }

  it('each datagram is one mux_input, with the path of its sender, who can be answered', async () => {
    const directory = temporaryDirectory();
    const server = await openDatagramScene(
      engine,
      { mux_input: (_, fh, data) => void fh.write(`<${data.take()}>`) },
      { path: join(directory, 'server'), proto: 'unixdgram' },
    );
    const client = await openDatagramScene(engine, {}, { path: join(directory, 'client'), proto: 'unixdgram' });
    expect(client.socket.send('one', { path: join(directory, 'server') })).toBe(true);
    client.socket.send('', { path: join(directory, 'server') });
    client.socket.send('two', { path: join(directory, 'server') });
    await client.journal.until('mux_input udp "<two>"');
    expect(server.journal.lines).toEqual(['mux_input udp "one"', 'mux_input udp ""', 'mux_input udp "two"']);
    expect(client.journal.lines).toEqual(['mux_input udp "<one>"', 'mux_input udp "<>"', 'mux_input udp "<two>"']);
    expect(server.mux.udpPeer(server.socket)).toEqual({ path: join(directory, 'client') });
  });

  it('sending to a path that does not exist is mux_error, not an end', async () => {
    const directory = temporaryDirectory();
    const { journal, socket } = await openDatagramScene(engine, {}, { path: join(directory, 'd'), proto: 'unixdgram' });
    socket.send('x', { path: join(directory, 'nobody') });
    await journal.until('mux_error udp ENOENT');
    expect(journal.lines).toEqual(['mux_error udp ENOENT']);
    socket.send('to myself', { path: join(directory, 'd') });
    await journal.until('mux_input udp "to myself"');
  });

  it('the socket file is removed when the socket is closed', async () => {
    const path = join(temporaryDirectory(), 'd');
    const { mux, journal, socket } = await openDatagramScene(engine, {}, { path, proto: 'unixdgram' });
    expect(existsSync(path)).toBe(true);
    mux.close(socket);
    await journal.until('mux_close udp');
    await sleep(5);
    expect(existsSync(path)).toBe(false);
  });

  it('abstract names work', async () => {
    const name = `\0netmux-test-${process.pid}-${Date.now()}`;
    const { journal, socket } = await openDatagramScene(engine, {}, { path: name, proto: 'unixdgram' });
    socket.send('to myself', { path: name });
    await journal.until('mux_input udp "to myself"');
  });
});
