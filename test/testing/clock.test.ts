/** Time that goes when it is told to, and the limits that count it. */
import { describe, expect, it } from 'vitest';
import { TestNetwork } from '../../src/testing/index.js';
import { open, PORT } from './opened.js';

describe('time in memory', () => {
  it('stands still until it is told to go, and stops at each timer', async () => {
    const times: number[] = [];
    const { network, journal, log } = await open({
      mux_timeout: (_mux, fh) => {
        times.push(network.now);
        if (times.length === 2) fh.setTimeout(3600);
      },
    });
    network.connect({ port: PORT });
    network.connect({ port: PORT });
    journal.handleOf('c1').setTimeout(60);
    journal.handleOf('c2').setTimeout(0.25);
    network.advance(0.249);
    expect(times).toEqual([]);
    network.advance(4000);
    expect(times).toEqual([0.25, 60, 3660]);
    expect(log.slice(2)).toEqual(['mux_timeout c2', 'mux_timeout c1', 'mux_timeout c1']);
    expect(network.now).toBe(4000.249);
  });

  it('of weeks passes at once, and no timer is lost or early', async () => {
    const days = 86_400;
    const times: number[] = [];
    const { network, journal } = await open({ mux_timeout: () => void times.push(network.now) });
    network.connect({ port: PORT });
    journal.handleOf('c1').setTimeout(100 * days);
    network.advance(99 * days);
    expect(times).toEqual([]);
    network.advance(2 * days);
    expect(times).toEqual([100 * days]);
  });

  it('a timer of 0 seconds is due at the end of the turn; set again there, a millisecond later', async () => {
    const { network, log } = await open({
      mux_input: (_mux, fh, data) => {
        data.consume();
        fh.setTimeout(0);
      },
      mux_timeout: (_mux, fh) => {
        fh.setTimeout(0);
      },
    });
    const peers = [network.connect({ port: PORT }), network.connect({ port: PORT })];
    network.batch(() => {
      for (const peer of peers) peer.write('x');
    });
    expect(log.slice(2)).toEqual(['mux_input c1 "x"', 'mux_input c2 "x"', 'mux_timeout c1', 'mux_timeout c2']);
    network.advance(0.003);
    expect(log).toHaveLength(6 + 3 * 2 + 2);
  });

  it('a timer moved is one timer', async () => {
    const { network, journal, log } = await open();
    network.connect({ port: PORT });
    const fh = journal.handleOf('c1');
    fh.setTimeout(10);
    network.advance(9);
    fh.setTimeout(10);
    network.advance(9.999);
    expect(log).toEqual(['mux_connection c1']);
    fh.setTimeout(null);
    network.advance(100);
    expect(log).toEqual(['mux_connection c1']);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '1' as never])('does not go by %s', async (seconds) => {
    expect(() => new TestNetwork().advance(seconds)).toThrow(TypeError);
  });
});

describe('limits in memory', () => {
  it('of time are reached at their time, however long', async () => {
    const hour = 3600;
    const { network, log, journal } = await open({}, { mux: { idleTimeout: hour, firstByteTimeout: 10, maxLifetime: 30 * hour } });
    const [silent, talking] = [network.connect({ port: PORT }), network.connect({ port: PORT })];
    talking.write('x');
    network.advance(9.999);
    expect(silent.ended).toBe(undefined);
    network.advance(0.001);
    expect(silent.ended).toBe('fin');
    expect(log.slice(-2)).toEqual(['mux_error c1 NETMUX_FIRST_BYTE_TIMEOUT', 'mux_close c1']);
    network.advance(hour - 11);
    talking.write('x');
    network.advance(hour - 1);
    expect(journal.handleOf('c2').closed).toBe(false);
    network.advance(1);
    expect(log.slice(-2)).toEqual(['mux_error c2 NETMUX_IDLE_TIMEOUT', 'mux_close c2']);
  });

  it('of a life end also who is never idle', async () => {
    const { network, log } = await open({}, { mux: { maxLifetime: 100 } });
    const peer = network.connect({ port: PORT });
    for (let second = 0; second < 99; second += 1) {
      network.advance(1);
      peer.write('x');
    }
    expect(peer.ended).toBe(undefined);
    network.advance(1);
    expect(log.at(-2)).toMatch(/^mux_error c1 NETMUX_.*LIFETIME/);
  });

  it('of connections reset who comes beyond, by address; it is told of once a second', async () => {
    const { network, mux, log } = await open({}, { mux: { maxConnectionsPerAddress: 1 } });
    const told: unknown[] = [];
    mux.setCallbackObject({ ...mux.setCallbackObject(undefined), mux_refused: (_mux, _listener, refused) => void told.push(refused) });
    const knock = (host: string) => network.connect({ port: PORT, from: { host } });
    const first = knock('192.0.2.1');
    expect([knock('192.0.2.1').ended, knock('192.0.2.1').ended, knock('192.0.2.2').ended]).toEqual(['ECONNRESET', 'ECONNRESET', undefined]);
    expect(told).toEqual([{ reason: 'address', count: 1 }]);
    network.advance(1);
    expect(told).toHaveLength(2);
    first.close();
    expect(knock('192.0.2.1').ended).toBe(undefined);
    expect(log.filter((line) => line.startsWith('mux_connection'))).toHaveLength(3);
    expect(mux.stats()).toMatchObject({ handles: 2, accepted: 3, refused: { address: 2 } });
  });

  it('of accepting fill up again with time', async () => {
    const { network } = await open({}, { mux: { acceptRate: 2, acceptBurst: 1 } });
    const knock = () => network.connect({ port: PORT }).ended;
    expect([knock(), knock()]).toEqual([undefined, 'ECONNRESET']);
    network.advance(0.5);
    expect([knock(), knock()]).toEqual([undefined, 'ECONNRESET']);
  });
});
