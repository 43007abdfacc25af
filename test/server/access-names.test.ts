// The names of peers, asked from a real name server.
import { afterEach, describe, expect, it } from 'vitest';
import { confirmsNames, doubleLookupRefusal, lookupPolicy } from '../../src/server/access/lookup-policy.js';
import { PeerNames, type PeerNamesOptions } from '../../src/server/access/peer-names.js';
import { type NameServer, nameServer, type Zone } from './name-server.js';

const GENEROUS_MS = 10_000;

const open: NameServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function names(zone: Zone, options: PeerNamesOptions = {}) {
  const server = await nameServer(zone);
  open.push(server);
  return { server, peers: new PeerNames({ servers: [server.address], hosts: '', timeoutMs: GENEROUS_MS, ...options }) };
}

const zone: Zone = {
  '1.2.0.192.in-addr.arpa PTR': ['good.example.org'],
  'good.example.org A': ['198.51.100.7', '192.0.2.1'],
  '2.2.0.192.in-addr.arpa PTR': ['good.example.org'],
  '3.2.0.192.in-addr.arpa PTR': ['gone.example.org'],
  '4.2.0.192.in-addr.arpa PTR': ['broken.example.org'],
  'broken.example.org A': 'failure',
  '5.2.0.192.in-addr.arpa PTR': 'failure',
  '6.2.0.192.in-addr.arpa PTR': 'silence',
  '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR': ['six.example.org'],
  'six.example.org AAAA': ['2001:db8:0:0:0:0:0:1'],
};

describe('the name of a peer', () => {
  it('is confirmed if it leads back to the address', async () => {
    const { peers } = await names(zone);
    expect(await peers.find('192.0.2.1', { confirm: true })).toEqual({
      name: 'good.example.org',
      confirmed: true,
      forward: ['198.51.100.7', '192.0.2.1'],
    });
    expect(await peers.find('2001:db8::1', { confirm: true })).toEqual({
      name: 'six.example.org',
      confirmed: true,
      forward: ['2001:db8::1'],
    });
  });

  it('is that of the IPv4 address where the peer has a mapped one', async () => {
    const { peers } = await names(zone);
    expect(await peers.find('::ffff:192.0.2.1', { confirm: true })).toMatchObject({ name: 'good.example.org', confirmed: true });
  });

  it('is not confirmed if it leads elsewhere or nowhere', async () => {
    const { peers } = await names(zone);
    expect(await peers.find('192.0.2.2', { confirm: true })).toMatchObject({ name: 'good.example.org', confirmed: false });
    expect(await peers.find('192.0.2.3', { confirm: true })).toEqual({ name: 'gone.example.org', confirmed: false, forward: [] });
  });

  it('is not asked back for where nobody wants to know', async () => {
    const { peers, server } = await names(zone);
    expect(await peers.find('192.0.2.1', { confirm: false })).toEqual({ name: 'good.example.org', confirmed: false, forward: [] });
    expect(server.questions).toEqual(['1.2.0.192.in-addr.arpa PTR']);
  });

  it('may be missing', async () => {
    const { peers } = await names(zone);
    expect(await peers.find('192.0.2.99', { confirm: true })).toEqual({ confirmed: false, forward: [] });
    expect(await peers.find('no address', { confirm: true })).toEqual({ confirmed: false, forward: [] });
  });

  it('is not one if it reads as an address, which rules for that address would match', async () => {
    const { peers } = await names({ '1.2.0.192.in-addr.arpa PTR': ['10.0.0.1'], '10.0.0.1 A': ['192.0.2.1'] });
    expect(await peers.find('192.0.2.1', { confirm: true })).toEqual({ confirmed: false, forward: [] });
    expect(await peers.find('192.0.2.1', { confirm: false })).toEqual({ confirmed: false, forward: [] });
  });

  it.each(['a b', 'a\nb', '<x>', 'a\x00b'])('is not one if no host can have it: %j', async (name) => {
    const { peers } = await names({ '1.2.0.192.in-addr.arpa PTR': [name] });
    const found = await peers.find('192.0.2.1', { confirm: false }).catch((error: { code: string }) => error.code);
    // Which answers the system's resolver takes for broken depends on its version.
    expect([{ confirmed: false, forward: [] }, 'NETMUX_LOOKUP_FAILED']).toContainEqual(found);
  });

  it('is taken from the table of hosts first, the way back as well', async () => {
    const hosts =
      '# table\n192.0.2.1\tlocal.test alias # here\n192.0.2.2 other.test\n198.51.100.1 other.test\n\nbroken line\n::1 local.test\n';
    const { peers, server } = await names({}, { hosts });
    expect(await peers.find('192.0.2.1', { confirm: true })).toEqual({ name: 'local.test', confirmed: true, forward: ['192.0.2.1'] });
    expect(await peers.find('192.0.2.2', { confirm: true })).toEqual({
      name: 'other.test',
      confirmed: true,
      forward: ['192.0.2.2', '198.51.100.1'],
    });
    expect(await peers.find('::1', { confirm: true })).toEqual({ name: 'local.test', confirmed: true, forward: ['::1'] });
    expect(server.questions).toEqual([]);
  });

  it('is an error if a name server fails', async () => {
    const { peers } = await names(zone);
    for (const address of ['192.0.2.4', '192.0.2.5']) {
      await expect(peers.find(address, { confirm: true })).rejects.toMatchObject({
        code: 'NETMUX_LOOKUP_FAILED',
        message: expect.stringContaining(address),
        cause: { code: 'ESERVFAIL' },
      });
    }
  });

  it('is an error if there is no answer in time, and nobody else waits', async () => {
    const { peers } = await names(zone, { timeoutMs: 300 });
    const slow = peers.find('192.0.2.6', { confirm: true });
    const order: string[] = [];
    await Promise.allSettled([
      slow.then(
        () => order.push('answered'),
        () => order.push('late'),
      ),
      peers.find('192.0.2.1', { confirm: true }).then(() => order.push('good')),
    ]);
    expect(order).toEqual(['good', 'late']);
    await expect(slow).rejects.toMatchObject({ code: 'NETMUX_LOOKUP_FAILED' });
  });
});

describe('the options of look-ups', () => {
  const none = { reverse: false, double: false, unverified: false, autofail: false };

  it.each([
    [undefined, undefined, none],
    [false, '0', none],
    ['', 0, none],
    [true, undefined, { ...none, reverse: true }],
    ['1', undefined, { ...none, reverse: true }],
    ['unverified', undefined, { ...none, reverse: true, unverified: true }],
    ['double', undefined, { ...none, reverse: true, double: true }],
    ['2', undefined, { ...none, reverse: true, double: true }],
    ['double-debug', undefined, { ...none, reverse: true, double: true }],
    ['double autofail', undefined, { ...none, reverse: true, double: true, autofail: true }],
    [undefined, true, { ...none, reverse: true, double: true }],
    [false, 'detail', { ...none, reverse: true, double: true }],
    ['unverified', 'autofail', { reverse: true, double: true, unverified: true, autofail: true }],
  ])('%j and %j', (reverse, double, expected) => {
    expect(lookupPolicy(reverse, double)).toEqual(expected);
  });

  it('ask for the way back unless any name will do', () => {
    expect(confirmsNames(lookupPolicy(true, undefined))).toBe(true);
    expect(confirmsNames(lookupPolicy('unverified', undefined))).toBe(false);
    expect(confirmsNames(lookupPolicy('unverified', true))).toBe(true);
  });

  it('refuse for a reason that is told, and only if they are double', () => {
    const double = lookupPolicy('double', undefined);
    const nameless = { confirmed: false, forward: [] };
    const elsewhere = { name: 'a.test', confirmed: false, forward: ['192.0.2.9'] };
    const good = { name: 'a.test', confirmed: true, forward: ['192.0.2.1'] };
    expect(doubleLookupRefusal('192.0.2.1', nameless, double)).toContain('192.0.2.1: it has no name');
    expect(doubleLookupRefusal('192.0.2.1', { ...elsewhere, forward: [] }, double)).toContain('a.test has no address');
    expect(doubleLookupRefusal('192.0.2.1', elsewhere, double)).toContain('a.test leads to 192.0.2.9');
    expect(doubleLookupRefusal('192.0.2.1', good, double)).toBeUndefined();
    expect(doubleLookupRefusal('192.0.2.1', good, lookupPolicy('double-autofail', undefined))).toContain('autofail');
    expect(doubleLookupRefusal('192.0.2.1', nameless, lookupPolicy(true, undefined))).toBeUndefined();
  });
});
