/**
 * Text from outside that no test has thought of: port strings of a configuration, and BOUND_SOCKETS, which may be anybody's. (Options,
 * configuration files, address blocks and frames have the like beside their own tests.)
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NetmuxError } from '../../src/index.js';
import { type BindSpec, boundSocketEntry, parseBoundSockets, socketKey } from '../../src/server/bind-spec.js';
import { parsePorts } from '../../src/server/ports.js';
import { tries } from '../tries.js';

const anyText = fc.string({ unit: 'binary', maxLength: 30 });

describe('hostile text', () => {
  it('a port string is read, or refused with an error of netmux', () => {
    const part = fc.oneof(
      anyText,
      fc.constantFrom('tcp', 'UDP', 'unix', 'unixdgram', 'IPv4', 'IPv6', 'IPv*', 'sock_stream', 'localhost', '*', '[::1]', '::', '@x'),
      fc.constantFrom('20203', '0', '65536', '8000-8010', '9-1', '1-65535', 'http', '-1', '1e3', '__proto__', 'My::Proto', '/run/x.sock'),
    );
    const separator = fc.constantFrom('', '/', ':', '|', ',', ' ', ':/', '\n', '\0');
    const text = fc.array(fc.tuple(part, separator), { maxLength: 6 }).map((parts) => parts.flat().join(''));
    fc.assert(
      fc.property(text, fc.option(part, { nil: undefined }), (port, proto) => {
        try {
          for (const spec of parsePorts(proto === undefined ? { port } : { port, proto }, {})) expect(spec).toBeTypeOf('object');
        } catch (error) {
          expect(error).toBeInstanceOf(NetmuxError);
        }
      }),
      tries(2000),
    );
  });

  it('BOUND_SOCKETS is read without an exception, and an entry of it names a descriptor, a key and a port', () => {
    const piece = fc.oneof(anyText, fc.constantFrom('|', ';', '; ', '3', '127.0.0.1', 'TCP', 'ipv4', '-1', '99999999999'));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        for (const { fd, key, port } of parseBoundSockets(pieces.join(''))) {
          expect(Number.isSafeInteger(fd) && fd >= 0).toBe(true);
          expect(key.split('|')).toHaveLength(4);
          expect(port).not.toBe('');
        }
      }),
      tries(2000),
    );
  });

  it('what one server writes to BOUND_SOCKETS the next one reads, whatever stands around it', () => {
    const spec = fc.record({
      host: fc.oneof(fc.ipV4(), fc.ipV6()),
      port: fc.integer({ min: 0, max: 65_535 }),
      proto: fc.constantFrom('tcp' as const, 'udp' as const),
    });
    const bound = fc.integer({ min: 1, max: 65_535 });
    const noise = anyText.map((text) => text.replace(/[;|]/g, ''));
    fc.assert(
      fc.property(fc.nat(1000), spec, bound, noise, (fd, { host, port, proto }, number, around) => {
        const socket: BindSpec = { host, port, proto, ipv: host.includes(':') ? '6' : '4', socket: {} };
        const text = `${around}; ${boundSocketEntry(fd, socket, number)}; ${around}`;
        expect(parseBoundSockets(text)).toEqual([{ fd, key: socketKey(socket), port: String(number) }]);
      }),
      tries(2000),
    );
  });
});
