import { describe, expect, it } from 'vitest';
import { type AccessLists, AccessRules } from '../../src/server/access/rules.js';

const admits = (lists: AccessLists, address: string) => new AccessRules(lists).admits(address);
const confirmed = (name: string) => ({ name, confirmed: true });
const unconfirmed = (name: string) => ({ name, confirmed: false });

/** The error of a constructor. */
function refusal(lists: AccessLists): { code?: string; message: string } {
  try {
    new AccessRules(lists);
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error('was accepted');
}

describe('access rules', () => {
  it('admit everybody when there are none', () => {
    const rules = new AccessRules({ allow: [], deny: [] });
    expect(rules.isEmpty).toBe(true);
    expect(rules.warning).toBeUndefined();
    expect(rules.admits('203.0.113.1')).toBe(true);
    expect(rules.admits('no address')).toBe(true);
  });

  it('admit whom allow or cidr_allow names, and nobody else', () => {
    const rules = new AccessRules({ allow: ['10\\..*', '127\\.0\\.0\\.\\d+'], cidr_allow: ['192.0.2.0/25', '2001:db8::/32'] });
    expect(rules.isEmpty).toBe(false);
    expect(rules.warning).toBeUndefined();
    for (const address of ['10.1.2.3', '127.0.0.1', '192.0.2.127', '2001:db8:1::1']) expect(rules.admits(address), address).toBe(true);
    for (const address of ['11.0.0.1', '192.0.2.128', '2001:db9::', '::1', '']) expect(rules.admits(address), address).toBe(false);
  });

  it('let deny and cidr_deny go before allow', () => {
    expect(admits({ allow: '127\\..*', deny: '127\\.0\\.0\\.1' }, '127.0.0.1')).toBe(false);
    expect(admits({ allow: '127\\..*', deny: '127\\.0\\.0\\.1' }, '127.0.0.2')).toBe(true);
    expect(admits({ cidr_allow: '10.0.0.0/8', cidr_deny: '10.1.0.0/16' }, '10.1.0.1')).toBe(false);
    expect(admits({ cidr_allow: '10.1.2.3', cidr_deny: '10.1.0.0/16' }, '10.1.2.3')).toBe(false);
    expect(admits({ cidr_allow: '10.0.0.0/8', deny: '10\\.2\\..*' }, '10.2.0.1')).toBe(false);
    expect(admits({ allow: '.*', cidr_deny: '::/0' }, '::1')).toBe(false);
  });

  it.each([{ deny: '10\\..*' }, { cidr_deny: ['10.0.0.0/8'] }])(
    'refuse everybody if they only deny, and say so at start-up: %j',
    (lists) => {
      const rules = new AccessRules(lists);
      expect(rules.admits('192.0.2.1')).toBe(false);
      expect(rules.warning).toMatch(/refuse everybody/);
    },
  );

  it('refuse what is no address', () => {
    for (const address of ['', 'host', '10.0.0.1 ', '300.1.1.1']) expect(admits({ allow: '.*' }, address), address).toBe(false);
  });

  it('take a mapped address for the IPv4 address that it is', () => {
    const rules = new AccessRules({ allow: '10\\.0\\.0\\.1', cidr_allow: '192.0.2.0/24', cidr_deny: '::ffff:192.0.2.128/121' });
    for (const address of ['::ffff:10.0.0.1', '::FFFF:a00:1', '::ffff:192.0.2.1']) expect(rules.admits(address), address).toBe(true);
    for (const address of ['::ffff:10.0.0.2', '::ffff:192.0.2.129', '192.0.2.200']) expect(rules.admits(address), address).toBe(false);
  });

  it('do not take IPv4 for a part of ::/0, nor a low IPv6 address for IPv4', () => {
    expect(admits({ cidr_allow: '::/0' }, '::ffff:10.0.0.1')).toBe(false);
    expect(admits({ cidr_allow: '0.0.0.0/0' }, '::1')).toBe(false);
  });

  it('pass over the zone of a link-local address', () => {
    expect(admits({ cidr_allow: 'fe80::/10' }, 'fe80::1%2')).toBe(true);
    expect(admits({ allow: 'fe80::1' }, 'fe80::1%2')).toBe(true);
  });
});

describe('an entry of allow and deny', () => {
  it('must match the whole address', () => {
    for (const entry of ['127', '0.0.1', '127\\.0\\.0', '']) expect(admits({ allow: entry }, '127.0.0.1'), entry).toBe(false);
    expect(admits({ allow: '127\\.0\\.0\\.1' }, '127.0.0.11')).toBe(false);
  });

  it('is anchored as a whole when it has alternatives', () => {
    expect(admits({ allow: '10.9.9.9|0.0.1' }, '127.0.0.1')).toBe(false);
    expect(admits({ allow: '10.9.9.9|127.0.0.1' }, '127.0.0.1')).toBe(true);
    expect(admits({ allow: '.*', deny: '10.9.9.9|127.0.0.1' }, '127.0.0.1')).toBe(false);
  });

  it('may have anchors of its own', () => {
    expect(admits({ allow: '^127\\..*$' }, '127.0.0.1')).toBe(true);
  });

  it('may be a RegExp of the program, whose flags do not make it forget or skip', () => {
    const rules = new AccessRules({ allow: [/127\..*/g, /fe80::A/iy] });
    for (let time = 0; time < 3; time += 1) expect([rules.admits('127.0.0.1'), rules.admits('fe80::a')]).toEqual([true, true]);
    expect(admits({ allow: /127/ }, '127.0.0.1')).toBe(false);
  });

  it('may ignore case with (?i), and escape what needs no escape', () => {
    expect(new AccessRules({ allow: '(?i).*\\.example\\.org' }).admits('192.0.2.1', confirmed('Host.EXAMPLE.org'))).toBe(true);
    expect(new AccessRules({ allow: '.*\\.example\\.org' }).admits('192.0.2.1', confirmed('Host.EXAMPLE.org'))).toBe(false);
    expect(new AccessRules({ allow: 'my\\-host\\_[a\\-c]\\.test' }).admits('192.0.2.1', confirmed('my-host_-.test'))).toBe(true);
    expect(new AccessRules({ allow: 'my[a\\-c]' }).admits('192.0.2.1', confirmed('myb'))).toBe(false);
    expect(admits({ allow: '2001\\:db8\\:\\:1' }, '2001:db8::1')).toBe(true);
  });

  it.each(['10.(', 'a)(b', '[[:digit:]]+', '\\A10', '10\\z', '1++', '(?x) 1', '(?>1)', '*', '10.{,3}', '\\Q10.0\\E'])(
    'is refused where JavaScript does not understand it: %s',
    (entry) => {
      const error = refusal({ deny: ['10\\..*', entry] });
      expect(error.code).toBe('NETMUX_BAD_OPTION');
      expect(error.message).toContain(`option deny: ${JSON.stringify(entry)} is no regular expression`);
      expect(error.message).not.toContain('\n');
    },
  );

  it('is refused where it is no text', () => {
    for (const entry of [1, null, {}, undefined]) {
      expect(refusal({ allow: [entry as never] })).toMatchObject({
        code: 'NETMUX_BAD_OPTION',
        message: expect.stringContaining('option allow: '),
      });
    }
  });
});

describe('an entry of cidr_allow and cidr_deny', () => {
  it.each(['10.0.0.0/33', '10.0.0/24', 'localhost', '', '10.0.0.1-10.0.0.9'])('is refused where it is no block: %j', (entry) => {
    const error = refusal({ cidr_deny: ['10.0.0.0/8', entry] });
    expect(error.code).toBe('NETMUX_BAD_OPTION');
    expect(error.message).toContain(`option cidr_deny: ${JSON.stringify(entry)} `);
  });

  it('is one of as many as there may be', () => {
    const blocks = Array.from({ length: 10_000 }, (_, index) => `${10 + (index >> 13)}.${(index >> 5) & 255}.${(index & 31) << 3}.0/29`);
    const rules = new AccessRules({ cidr_deny: blocks, allow: '.*' });
    expect(rules.admits('10.255.248.7')).toBe(false);
    expect(rules.admits('10.255.248.8')).toBe(true);
    expect(rules.admits('10.255.249.0')).toBe(true);
  });
});

describe('the name of a peer', () => {
  const lists = { allow: '.*\\.example\\.org', deny: 'bad\\.example\\.org' };

  it('matches allow only if it leads back to the address', () => {
    const rules = new AccessRules(lists);
    expect(rules.admits('192.0.2.1', confirmed('a.example.org'))).toBe(true);
    expect(rules.admits('192.0.2.1', unconfirmed('a.example.org'))).toBe(false);
    expect(rules.admits('192.0.2.1')).toBe(false);
  });

  it('matches allow anyway where the operator trusts any name', () => {
    const rules = new AccessRules(lists, { unverifiedNames: true });
    expect(rules.admits('192.0.2.1', unconfirmed('a.example.org'))).toBe(true);
  });

  it('matches deny in either case', () => {
    const rules = new AccessRules({ ...lists, cidr_allow: '192.0.2.0/24' });
    expect(rules.admits('192.0.2.1', confirmed('bad.example.org'))).toBe(false);
    expect(rules.admits('192.0.2.1', unconfirmed('bad.example.org'))).toBe(false);
    expect(rules.admits('192.0.2.1', unconfirmed('a.example.org'))).toBe(true);
  });
});
