import type { Machine } from '../../src/server/resolve-ports.js';

const NAMES: Record<string, readonly { address: string; family: 4 | 6 }[]> = {
  localhost: [{ address: '127.0.0.1', family: 4 }],
  'both.test': [
    { address: '2001:db8::1', family: 6 },
    { address: '192.0.2.1', family: 4 },
  ],
};

/** A machine whose names, services and kernel settings do not depend on the one that the tests run on. */
export function machineOf(given: Partial<Machine> = {}): Machine {
  return {
    environment: {},
    hasIPv6: true,
    bindv6only: false,
    lookup: (host, family) => {
      const found = (NAMES[host] ?? []).filter((entry) => family === 0 || entry.family === family);
      if (found.length > 0) return Promise.resolve(found);
      return Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
    },
    services: () =>
      ['# names', 'http\t80/tcp\twww www-http # web', 'http-alt 8080/tcp', 'domain 53/tcp', 'domain 53/udp', 'ntp 123/udp'].join('\n'),
    ...given,
  };
}
