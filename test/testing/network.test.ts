/** The network in memory as its users see it: what peers do, and what comes of it. */
import { describe, expect, it } from 'vitest';
import { Mux, type MuxCallbacks } from '../../src/index.js';
import { TestNetwork } from '../../src/testing/index.js';
import { Journal, recorder } from '../mux/journal.js';
import { echo, open, PORT } from './opened.js';

describe('a connection in memory', () => {
  it('is through with all that a call gives rise to when the call returns', async () => {
    const { network, log } = await open(echo);
    const peer = network.connect({ port: PORT });
    expect(log).toEqual(['mux_connection c1']);
    peer.write('hello');
    expect(peer.received('utf8')).toBe('hello');
    expect(peer.received()).toEqual(Buffer.alloc(0));
    peer.end();
    expect(log).toEqual(['mux_connection c1', 'mux_input c1 "hello"', 'mux_eof c1 ""', 'mux_close c1']);
    expect(peer.ended).toBe('fin');
  });

  it('presents each piece of a split write by itself', async () => {
    const { network, log } = await open();
    const peer = network.connect({ port: PORT });
    peer.write('abcdef', { splitAt: [1, 3] });
    peer.write('ghijk', { splitAt: 2 });
    expect(log.slice(1)).toEqual(['"a"', '"bc"', '"def"', '"gh"', '"ij"', '"k"'].map((text) => `mux_input c1 ${text}`));
    for (const splitAt of [0, 1.5, [2, 1], [7]]) expect(() => peer.write('abcdef', { splitAt })).toThrow(TypeError);
  });

  it('that is reset tells the server so, behind what was sent', async () => {
    const { network, log } = await open();
    const peer = network.connect({ port: PORT });
    network.batch(() => peer.write('last').reset());
    expect(log.slice(1)).toEqual(['mux_input c1 "last"', 'mux_eof c1 ""', 'mux_close c1']);
    expect(peer.ended).toBe('closed');
  });

  it('that is reset with output queued is mux_epipe', async () => {
    const { network, log, journal } = await open({}, { network: { socketBuffer: 10 } });
    const peer = network.connect({ port: PORT }).pause();
    journal.handleOf('c1').write('x'.repeat(100));
    peer.reset();
    expect(log.slice(1)).toEqual(['mux_eof c1 ""', 'mux_epipe c1', 'mux_close c1']);
  });

  it('holds so many bytes for who does not read; the rest waits where it was written', async () => {
    const { network, log, journal } = await open({ ...echo, mux_outbuffer_empty: () => {} }, { network: { socketBuffer: 100 } });
    const peer = network.connect({ port: PORT }).pause();
    const fh = journal.handleOf('c1');
    peer.write('x'.repeat(250), { splitAt: 50 });
    expect(fh.bufferedAmount).toBe(150);
    expect(log.at(-1)).toMatch(/mux_input/);
    peer.resume();
    expect(peer.received('utf8')).toBe('x'.repeat(250));
    expect([fh.bufferedAmount, fh.bytesRead, fh.bytesWritten]).toEqual([0, 250, 250]);
    expect(log.at(-1)).toBe('mux_outbuffer_empty c1');
    fh.pause();
    peer.write('y'.repeat(250));
    expect(peer.unsent).toBe(150);
    fh.resume();
    expect(peer.received('utf8')).toBe('y'.repeat(250));
    expect(peer.unsent).toBe(0);
  });

  it('takes what a peer has written before it ended, however late it is read', async () => {
    const { network, log, journal } = await open({}, { network: { socketBuffer: 10 } });
    const peer = network.connect({ port: PORT });
    journal.handleOf('c1').pause();
    peer.end('0123456789abcdef');
    expect(log).toEqual(['mux_connection c1']);
    journal.handleOf('c1').resume();
    network.run();
    expect(log.slice(1)).toEqual(['mux_input c1 "0123456789"', 'mux_input c1 "abcdef"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('that the server closes with unread input is reset, as by a kernel', async () => {
    const { network, mux, journal } = await open({});
    const peer = network.connect({ port: PORT });
    journal.handleOf('c1').pause();
    peer.write('unread');
    mux.close(journal.handleOf('c1'));
    expect(peer.ended).toBe('ECONNRESET');
    peer.write('dropped');
    expect(peer.unsent).toBe(0);
  });

  it('lingers after a graceful close: what the peer goes on sending resets it after two seconds, not before', async () => {
    const { network, log, journal } = await open();
    const peer = network.connect({ port: PORT });
    journal.handleOf('c1').close();
    expect([peer.ended, log.at(-1)]).toEqual(['fin', 'mux_close c1']);
    network.advance(1.9);
    peer.write('still there');
    const other = network.connect({ port: PORT });
    expect(log.at(-1)).toBe('mux_connection c2');
    network.advance(0.1);
    peer.write('and now?');
    expect(log.at(-1)).toBe('mux_connection c2');
    expect(other.ended).toBe(undefined);
  });

  it('has the addresses that the client says', async () => {
    const { network, journal } = await open();
    const peer = network.connect({ port: PORT, from: { host: '192.0.2.7', port: 4711 } });
    const { remoteAddress, remotePort, localAddress, localPort, remoteFamily, fd } = journal.handleOf('c1');
    expect([remoteAddress, remotePort, localAddress, localPort, remoteFamily, fd]).toEqual([
      '192.0.2.7',
      4711,
      '127.0.0.1',
      PORT,
      'IPv4',
      -1,
    ]);
    expect([peer.localAddress, peer.localPort, peer.remoteAddress, peer.remotePort]).toEqual(['192.0.2.7', 4711, '127.0.0.1', PORT]);
  });

  it('of IPv4 to a server of both families has a mapped address', async () => {
    const { network, journal } = await open({}, { listen: { port: PORT } });
    network.connect({ port: PORT });
    network.connect({ port: PORT, host: '::1' });
    expect(['c1', 'c2'].map((name) => journal.handleOf(name).remoteAddress)).toEqual(['::ffff:127.0.0.1', '::1']);
  });

  it('to a UNIX path needs no file', async () => {
    const { network, log, listener } = await open(echo, { listen: { path: '/nowhere/at/all.sock' } });
    const peer = network.connect({ path: '/nowhere/at/all.sock' });
    peer.write('hello');
    expect([peer.received('utf8'), listener.localAddress]).toEqual(['hello', '/nowhere/at/all.sock']);
    expect(log[0]).toBe('mux_connection c1');
    expect(() => network.connect({ path: '/elsewhere' })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('where nobody listens is refused; where somebody does, nobody else can', async () => {
    const { network, mux, listener } = await open();
    expect(() => network.connect({ port: PORT + 1 })).toThrow(expect.objectContaining({ code: 'ECONNREFUSED', port: PORT + 1 }));
    expect(() => network.listen({ port: PORT })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    await expect(mux.listen({ port: PORT }).ready).rejects.toMatchObject({ code: 'EADDRINUSE' });
    listener.close();
    network.run();
    expect(() => network.connect({ port: PORT })).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
    network.listen({ port: PORT }).close();
  });

  it('that comes before the loop waits for it', async () => {
    const network = new TestNetwork();
    const mux = new Mux({ engine: network.engine });
    const journal = new Journal();
    mux.setCallbackObject(recorder(journal));
    await mux.listen({ port: PORT }).ready;
    const peer = network.connect({ port: PORT });
    peer.write('early');
    expect(journal.lines).toEqual([]);
    void mux.loop();
    network.run();
    expect(journal.lines).toEqual(['mux_connection c1', 'mux_input c1 "early"']);
    await mux[Symbol.asyncDispose]();
  });

  it('for which there is no slot waits until there is one; that is told once a second', async () => {
    const { network, log } = await open({}, { network: { maxHandles: 3 } });
    const [first] = [network.connect({ port: PORT }), network.connect({ port: PORT })];
    network.connect({ port: PORT });
    network.connect({ port: PORT });
    expect(log.slice(2)).toEqual(['mux_error listener EMFILE']);
    first?.close();
    expect(log.slice(3)).toEqual(['mux_eof c1 ""', 'mux_close c1', 'mux_connection c3']);
    network.advance(1);
    network.connect({ port: PORT });
    expect(log.at(-1)).toBe('mux_connection c3');
  });
});

describe('outgoing connections', () => {
  it('reach a server outside of the multiplexer', async () => {
    const { network, mux, journal, log } = await open();
    const upstream = network.listen({ port: 7001 });
    const fh = mux.connect({ host: '127.0.0.1', port: 7001 });
    journal.name(fh, 'out');
    fh.write('early');
    expect(upstream.accept()).toBe(undefined);
    await network.settle();
    const peer = upstream.accept();
    expect(peer?.received('utf8')).toBe('early');
    peer?.write('answer').end();
    expect(log).toEqual(['mux_connection out', 'mux_input out "answer"', 'mux_eof out ""', 'mux_close out']);
  });

  it('are refused where nobody listens', async () => {
    const { network, mux, journal, log } = await open();
    journal.name(mux.connect({ host: '127.0.0.1', port: 7001 }), 'out');
    await network.settle();
    expect(log).toEqual(['mux_error out ECONNREFUSED', 'mux_close out']);
  });

  it('may lead to the multiplexer itself', async () => {
    const { network, mux, journal, log } = await open(echo);
    const fh = mux.connect({ host: '127.0.0.1', port: PORT });
    journal.name(fh, 'out');
    mux.setCallbackObject(recorder(journal), fh);
    fh.write('ping');
    await network.settle();
    expect(log).toEqual(['mux_connection out', 'mux_connection c1', 'mux_input c1 "ping"', 'mux_input out "ping"']);
  });
});

describe('what happens at once', () => {
  it('is one group of callbacks, in the order in which it came', async () => {
    const { network, log } = await open();
    const [a, b] = [network.connect({ port: PORT }), network.connect({ port: PORT })];
    network.batch(() => {
      b.write('b1');
      a.write('a');
      b.write('b2').end();
    });
    expect(log.slice(2)).toEqual(['mux_input c2 "b1b2"', 'mux_eof c2 ""', 'mux_close c2', 'mux_input c1 "a"']);
  });

  it('whoever is closed by a callback before its turn hears no more', async () => {
    const { network, log, journal } = await open({
      mux_input: (mux, _fh, data) => {
        data.consume();
        mux.close(journal.handleOf('c2'));
      },
    });
    const [a, b] = [network.connect({ port: PORT }), network.connect({ port: PORT })];
    network.batch(() => {
      a.write('a');
      b.write('b');
    });
    expect(log.slice(2)).toEqual(['mux_input c1 "a"', 'mux_close c2']);
    expect(b.ended).toBe('fin');
  });

  it('a peer may act inside a callback: it is dealt with in the same turn, later', async () => {
    const { network, log } = await open({
      mux_connection: () => {
        if (log.length === 1) network.connect({ port: PORT }).write('from within');
      },
    });
    network.connect({ port: PORT });
    expect(log).toEqual(['mux_connection c1', 'mux_connection c2', 'mux_input c2 "from within"']);
  });

  it('a conversation without an end is an error, not a test that hangs', async () => {
    const { network, mux, journal } = await open(echo);
    const fh = mux.connect({ host: '127.0.0.1', port: PORT });
    journal.name(fh, 'out');
    await network.settle();
    fh.write('ping');
    expect(() => network.run()).toThrow('does not come to rest');
    mux.close(fh);
  });
});

describe('async callbacks', () => {
  it('go on while the test waits', async () => {
    const { network } = await open({
      mux_input: async (_mux, fh, data) => {
        const text = data.take().toString();
        await Promise.resolve();
        fh.write(text.toUpperCase());
      },
    });
    const peer = network.connect({ port: PORT });
    peer.write('hello');
    expect(peer.received('utf8')).toBe('');
    await network.settle();
    expect(peer.received('utf8')).toBe('HELLO');
  });
});

describe('datagrams in memory', () => {
  const answer: MuxCallbacks = {
    mux_input: (_mux, fh, data) => {
      fh.write(`<${data.toString()}>`);
    },
  };

  it('keep their borders and their senders', async () => {
    const { network, mux, listener } = await open(answer, { listen: { port: PORT, host: '127.0.0.1', proto: 'udp' } });
    const [one, other] = [network.datagrams(), network.datagrams({ port: 9, host: '127.0.0.1' })];
    one.send('a', { port: PORT }).send('', { port: PORT });
    other.send('b', { port: PORT });
    expect(one.received().map(({ data, from }) => [String(data), from])).toEqual([
      ['<a>', { host: '127.0.0.1', port: PORT }],
      ['<>', { host: '127.0.0.1', port: PORT }],
    ]);
    expect(other.received()).toHaveLength(1);
    expect(mux.udpPeer(listener)).toEqual({ address: '127.0.0.1', port: 9, family: 'IPv4' });
    listener.send('to one', { host: '127.0.0.1', port: one.port });
    expect(String(one.received()[0]?.data)).toBe('to one');
    one.close();
    listener.send('to nobody', { host: '127.0.0.1', port: one.port });
  });

  it('of UNIX paths', async () => {
    const { network } = await open(answer, { listen: { path: '/d', proto: 'unixdgram' } });
    const peer = network.datagrams({ path: '/me' });
    peer.send('hello', { path: '/d' });
    expect(peer.received().map(({ data, from }) => [String(data), from])).toEqual([['<hello>', { path: '/d' }]]);
  });

  it('that a kernel would not send are mux_error', async () => {
    const { network, listener, log } = await open(answer, { listen: { port: PORT, host: '127.0.0.1', proto: 'udp' } });
    listener.send('x', { host: '::1', port: 9 });
    listener.send('x', { path: '/d' });
    network.run();
    expect(log).toEqual(['mux_error listener EAFNOSUPPORT', 'mux_error listener EAFNOSUPPORT']);
  });
});

describe('the engine in memory', () => {
  it('is what the multiplexer says it has', async () => {
    const { mux } = await open();
    expect(mux.engine).toBe('memory');
    expect(() => mux.add(0)).toThrow(expect.objectContaining({ code: 'NETMUX_NOT_ON_THIS_ENGINE' }));
  });

  it('serves several multiplexers, which hear nothing of each other', async () => {
    const first = await open();
    const mux = new Mux({ engine: first.network.engine });
    const journal = new Journal();
    mux.setCallbackObject(recorder(journal));
    await mux.listen({ port: 7001 }).ready;
    void mux.loop();
    first.network.connect({ port: 7001 });
    expect([journal.lines, first.log]).toEqual([['mux_connection c1'], []]);
    await mux[Symbol.asyncDispose]();
  });

  it('gives a removed connection nobody: the peer hears nothing', async () => {
    const { network, mux, journal, log } = await open();
    const peer = network.connect({ port: PORT });
    expect(mux.remove(journal.handleOf('c1'))).toBe(-1);
    peer.write('hello');
    expect([log, peer.ended]).toEqual([['mux_connection c1'], undefined]);
  });

  it('ends with the loop: listeners are gone, output is flushed', async () => {
    const { network, mux, journal, over, log } = await open();
    const peer = network.connect({ port: PORT });
    journal.handleOf('c1').write('goodbye');
    mux.endLoop();
    await over;
    expect([peer.received('utf8'), peer.ended, log.at(-1)]).toEqual(['goodbye', 'fin', 'mux_close c1']);
    expect(() => network.connect({ port: PORT })).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
  });

  it.each([{ socketBuffer: 0 }, { maxHandles: 1.5 }])('refuses %o', (options) => {
    expect(() => new TestNetwork(options)).toThrow(TypeError);
  });

  it('refuses a place that is none', () => {
    const network = new TestNetwork();
    expect(() => network.connect({ port: -1 })).toThrow(TypeError);
    expect(() => network.connect({ port: 1, host: 'localhost' })).toThrow(TypeError);
  });
});
