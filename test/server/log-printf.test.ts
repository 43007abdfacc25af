/** The format of `log(level, format, values…)` and of `fh.printf`: what Perl's sprintf makes of the same. */
import { describe, expect, it } from 'vitest';
import { printf } from '../../src/mux/printf.js';

describe('printf', () => {
  it.each<[string, unknown[], string]>([
    ['n=%d', [5], 'n=5'],
    ['%s is %s', ['a', 1], 'a is 1'],
    ['%5d|%-5d|%05d|%+d|% d', [-5, -5, -5, 5, 5], '   -5|-5   |-0005|+5| 5'],
    ['%.3d %8.3d', [5, -5], '005     -005'],
    ['%x %X %#x %o %#o %b %#b', [255, 255, 255, 8, 8, 5, 5], 'ff FF 0xff 10 010 101 0b101'],
    ['%x', [-1], 'ffffffffffffffff'],
    ['%d', [12345678901234567890n], '12345678901234567890'],
    ['%d', [3.99], '3'],
    ['%f %.2f %8.3f| %-8.1f| %08.1f', [1.5, 0.125, 2.7184, 2.25, -2.25], '1.500000 0.12    2.718| 2.2     | -00002.2'],
    ['%.0f %.0f %.0f', [0.5, 1.5, 2.5], '0 2 2'],
    ['%.0f', [1e22], '10000000000000000000000'],
    ['%e %.0e %E', [12345.678, 2.5, 1e-7], '1.234568e+04 2e+00 1.000000E-07'],
    ['%g %g %g %g %.3g %#g', [100000, 1000000, 0.0001, 0.00001, 1234, 1.5], '100000 1e+06 0.0001 1e-05 1.23e+03 1.50000'],
    ['%s %5s|%-5s|%.2s', ['abc', 'abc', 'abc', 'abc'], 'abc   abc|abc  |ab'],
    ['%c%c', [78, 0x1f600], 'N😀'],
    ['%*d|%-*d|%.*f', [5, 1, 5, 1, 1, 2.55], '    1|1    |2.5'],
    ['%2$s %1$s', ['world', 'hello'], 'hello world'],
    ['100%% %y', [], '100% %y'],
    ['%d %s|', [], '0 |'],
    ['%d %f', ['no number', 'no number'], '0 0.000000'],
    ['%g %d', [Number.POSITIVE_INFINITY, Number.NaN], 'Inf 0'],
  ])('%s of %s is %s', (format, values, text) => {
    expect(printf(format, ...values)).toBe(text);
  });

  it('does not look into the values for more directives', () => {
    expect(printf('%s %s', '%s', '%d')).toBe('%s %d');
  });

  it('refuses a width that is an attack', () => {
    expect(() => printf('%999999999d', 1)).toThrow(expect.objectContaining({ code: 'NETMUX_BAD_ARGUMENT' }));
    expect(() => printf('%*d', 1e9, 1)).toThrow(expect.objectContaining({ code: 'NETMUX_BAD_ARGUMENT' }));
  });
});
