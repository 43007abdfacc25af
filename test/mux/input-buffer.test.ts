/**
 * The input buffer and the table of leftovers behind it, without sockets: input arrives in pieces, a callback looks at it
 * and consumes some, the rest is kept. Whatever the pieces, the answers are those of one plain buffer.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputBuffer } from '../../src/mux/input-buffer.js';
import { tries } from '../tries.js';
import { Connection, everySplit } from './pieces.js';

/** The complete lines of a buffer, the simple way, and how many bytes they are. */
function linesOf(bytes: Buffer): { lines: string[]; length: number } {
  const length = bytes.lastIndexOf('\n') + 1;
  const lines = length === 0 ? [] : bytes.toString('latin1', 0, length - 1).split('\n');
  return { lines: lines.map((line) => Buffer.from(line.replace(/\r$/, ''), 'latin1').toString()), length };
}

function outcome(call: () => unknown): unknown {
  try {
    const value = call();
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe('InputBuffer: lines', () => {
  it('are the same for every split of a text', () => {
    for (const text of ['ab\ncd\r\n\n\r\nä\n', '\n\n\n', 'no end at all', '\r\r\n\r', '\u20ac\n\u20ac']) {
      const bytes = Buffer.from(text);
      const expected = linesOf(bytes);
      for (const pieces of everySplit(bytes)) {
        const connection = new Connection();
        const lines: string[] = [];
        for (const piece of pieces) connection.receive(piece, (input) => lines.push(...input.lines()));
        expect({ pieces: pieces.map(String), lines }).toEqual({ pieces: pieces.map(String), lines: expected.lines });
        expect(connection.unread()).toEqual(bytes.subarray(expected.length));
      }
    }
  });

  it('are the same for any bytes in any pieces, taken by lines() or readLine()', () => {
    const byte = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(0x0a, 0x0d) },
      { weight: 10, arbitrary: fc.integer({ min: 0, max: 255 }) },
    );
    const piece = fc.oneof(
      fc.array(byte, { maxLength: 30 }),
      fc.array(byte, { maxLength: 700 }),
      fc.integer({ min: 0, max: 3000 }).map((n) => Array(n).fill(0x61)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.boolean(), (pieces, asIterator) => {
        const connection = new Connection();
        const lines: string[] = [];
        for (const bytes of pieces) {
          connection.receive(Uint8Array.from(bytes), (input) => {
            if (asIterator) for (const line of input.lines()) lines.push(line);
            else for (let line = input.readLine(); line !== undefined; line = input.readLine()) lines.push(line);
          });
        }
        const all = Buffer.from(pieces.flat());
        const expected = linesOf(all);
        expect(lines).toEqual(expected.lines);
        expect(connection.unread()).toEqual(all.subarray(expected.length));
      }),
      tries(300),
    );
  });

  it('are found behind a rest of which a part was taken', () => {
    const length = fc.integer({ min: 0, max: 2500 });
    const round = fc.tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 0, max: 300 }));
    fc.assert(
      fc.property(fc.array(length, { maxLength: 8 }), fc.array(round, { minLength: 10, maxLength: 30 }), (lengths, rounds) => {
        const all = Buffer.from(lengths.map((count, index) => `${String.fromCharCode(0x61 + index).repeat(count)}\n`).join(''));
        const connection = new Connection();
        let rest = Buffer.alloc(0);
        let sent = 0;
        for (const [size, taken] of rounds) {
          const piece = all.subarray(sent, sent + size);
          sent += piece.length;
          rest = Buffer.concat([rest, piece]);
          connection.receive(piece, (input) => {
            const expected = linesOf(rest);
            expect([...input.lines()]).toEqual(expected.lines);
            const head = Math.min(taken, input.length);
            input.consume(head);
            rest = rest.subarray(expected.length + head);
          });
        }
        expect(connection.unread()).toEqual(rest);
      }),
      tries(300),
    );
  });

  it('of every length up to 200 bytes are read as they were sent, ASCII or not', () => {
    for (const filler of ['x', 'é', '\u{1f600}']) {
      for (let length = 0; length <= 200; length += 1) {
        const line = 'a'.repeat(length % 7) + filler.repeat(length);
        new Connection().receive(Buffer.from(`${line}\nrest`), (input) => {
          expect(input.readLine()).toBe(line);
          expect(input.toString()).toBe('rest');
        });
      }
    }
  });

  it('are consumed one by one, also where the loop is left early', () => {
    new Connection().receive(Buffer.from('one\ntwo\nthree\n'), (input) => {
      for (const line of input.lines()) if (line === 'two') break;
      expect(input.toString()).toBe('three\n');
      expect([...input.lines()]).toEqual(['three']);
      expect(input.length).toBe(0);
    });
  });

  it('that are too long throw NETMUX_LINE_TOO_LONG, complete or not, and stay', () => {
    const tooLong = { code: 'NETMUX_LINE_TOO_LONG' };
    new Connection().receive(Buffer.from('12345\n'), (input) => {
      expect(() => input.readLine({ maxLength: 4 })).toThrow(expect.objectContaining(tooLong));
      expect(input.readLine({ maxLength: 5 })).toBe('12345');
    });
    new Connection().receive(Buffer.from('12345\r'), (input) => {
      expect(input.readLine({ maxLength: 5 })).toBe(undefined);
      expect(() => input.readLine({ maxLength: 4 })).toThrow(expect.objectContaining(tooLong));
      expect(input.toString()).toBe('12345\r');
    });
    new Connection().receive(Buffer.from('short\n123456'), (input) => {
      const seen: string[] = [];
      expect(() => {
        for (const line of input.lines({ maxLength: 5 })) seen.push(line);
      }).toThrow(expect.objectContaining(tooLong));
      expect(seen).toEqual(['short']);
    });
  });

  it('may have 65,536 bytes when nothing else is said', () => {
    const line = 'x'.repeat(65_536);
    new Connection().receive(Buffer.from(`${line}\r\n`), (input) => expect(input.readLine()).toBe(line));
    new Connection().receive(Buffer.from(`${line}x`), (input) => {
      expect(() => input.readLine()).toThrow(expect.objectContaining({ code: 'NETMUX_LINE_TOO_LONG' }));
    });
  });
});

describe('InputBuffer: against a plain buffer', () => {
  /** Each answers from the input buffer and from the model; what it consumes, it takes off the model. */
  type Step = (input: InputBuffer, model: { rest: Buffer }) => { actual: unknown; expected: unknown };

  const count = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2000 }), fc.constantFrom(-1, 1.5));
  const needle = fc.oneof(
    fc.integer({ min: 0x61, max: 0x64 }),
    fc.constantFrom('a', 'ab', 'abc', 'dd', 'bcd', 'ä', '\n'),
    fc.array(fc.integer({ min: 0x61, max: 0x64 }), { minLength: 1, maxLength: 3 }).map((bytes) => Uint8Array.from(bytes)),
  );

  const eats =
    (read: (input: InputBuffer, n: number) => unknown) =>
    (n: number): Step =>
    (input, model) => {
      const actual = outcome(() => read(input, n));
      if (!Number.isInteger(n) || n < 0) return { actual, expected: 'NETMUX_BAD_ARGUMENT' };
      if (n > model.rest.length) return { actual, expected: 'NETMUX_INPUT_TOO_SHORT' };
      const head = model.rest.subarray(0, n);
      model.rest = model.rest.subarray(n);
      return { actual: actual ?? head.toString('hex'), expected: head.toString('hex') };
    };

  const step: fc.Arbitrary<Step> = fc.oneof(
    count.map(eats((input, n) => input.consume(n))),
    count.map(eats((input, n) => input.take(n))),
    count.map(eats((input, n) => Buffer.from(input.view(n)))),
    fc.tuple(needle, fc.integer({ min: 0, max: 20 })).map(
      ([wanted, from]): Step =>
        (input, { rest }) => ({
          actual: input.indexOf(wanted, from),
          expected: from > rest.length ? -1 : rest.indexOf(wanted, from),
        }),
    ),
    count.map(
      (n): Step =>
        (input, { rest }) => ({ actual: input.at(n), expected: rest[n] }),
    ),
    fc.constant<Step>((input, { rest }) => ({ actual: input.length, expected: rest.length })),
    fc.constant<Step>((input, { rest }) => ({ actual: outcome(() => input.peek()), expected: rest.toString('hex') })),
    fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })).map(
      ([start, end]): Step =>
        (input, { rest }) => ({ actual: input.toString('latin1', start, end), expected: rest.toString('latin1', start, end) }),
    ),
    fc.constantFrom('readUInt8', 'readUInt16BE', 'readUInt16LE', 'readUInt32BE', 'readUInt32LE').chain((method) =>
      fc.integer({ min: 0, max: 10 }).map(
        (offset): Step =>
          (input, { rest }) => {
            const expected = outcome(() => rest[method as 'readUInt8'](offset));
            return {
              actual: outcome(() => input[method as 'readUInt8'](offset)),
              expected: typeof expected === 'number' ? expected : 'NETMUX_INPUT_TOO_SHORT',
            };
          },
      ),
    ),
    fc.constantFrom(1 as const, 2 as const, 4 as const).chain((prefixBytes) =>
      fc.boolean().map(
        (littleEndian): Step =>
          (input, model) => {
            const actual = outcome(() => input.readFrame(prefixBytes, { littleEndian, maxLength: 1000 }));
            if (model.rest.length < prefixBytes) return { actual, expected: undefined };
            const size = littleEndian ? model.rest.readUIntLE(0, prefixBytes) : model.rest.readUIntBE(0, prefixBytes);
            if (size > 1000) return { actual, expected: 'NETMUX_FRAME_TOO_LONG' };
            if (model.rest.length < prefixBytes + size) return { actual, expected: undefined };
            const frame = model.rest.subarray(prefixBytes, prefixBytes + size);
            model.rest = model.rest.subarray(prefixBytes + size);
            return { actual, expected: frame.toString('hex') };
          },
      ),
    ),
    fc.constant<Step>((input, model) => {
      const actual = input.readLine();
      const end = model.rest.indexOf('\n');
      if (end === -1) return { actual, expected: undefined };
      const expected = linesOf(model.rest.subarray(0, end + 1)).lines[0];
      model.rest = model.rest.subarray(end + 1);
      return { actual, expected };
    }),
  );

  it('answers every question the same, in whatever pieces the bytes come', () => {
    const byte = fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 0x61, max: 0x64 }) },
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 255 }) },
      { weight: 1, arbitrary: fc.constant(0x0a) },
    );
    const piece = fc.oneof(fc.array(byte, { maxLength: 12 }), fc.array(byte, { maxLength: 600 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, fc.array(step, { maxLength: 8 })), { maxLength: 30 }), (rounds) => {
        const connection = new Connection();
        const model = { rest: Buffer.alloc(0) };
        for (const [bytes, steps] of rounds) {
          model.rest = Buffer.concat([model.rest, Uint8Array.from(bytes)]);
          connection.receive(Uint8Array.from(bytes), (input) => {
            for (const ask of steps) {
              const { actual, expected } = ask(input, model);
              expect(actual).toEqual(expected);
            }
          });
          expect(connection.unread()).toEqual(model.rest);
        }
      }),
      tries(500),
    );
  });

  it('gives copies: take, peek and frames stay what they were', () => {
    const connection = new Connection();
    const kept: Buffer[] = [];
    connection.receive(Buffer.from('abcdef\u0003xyz'), (input) => {
      kept.push(input.peek(3), input.take(6), input.readFrame(1) as Buffer);
    });
    connection.receive(Buffer.from('other bytes'), (input) => input.consume());
    expect(kept.map(String)).toEqual(['abc', 'abcdef', 'xyz']);
  });
});

describe('InputBuffer: linear work', () => {
  const PIECES = 1000;
  const PIECE_BYTES = 1049;
  const TOTAL = PIECES * PIECE_BYTES;

  /** Bytes that `method` of Buffer went through while `work` ran. */
  function count(method: 'indexOf' | 'copy', work: () => void): number {
    const original = Buffer.prototype[method];
    let bytes = 0;
    Buffer.prototype[method] = function (this: Buffer, ...args: never[]) {
      bytes += method === 'indexOf' ? this.length : Number(args[3]) - Number(args[2]);
      return (original as (...args: never[]) => never).apply(this, args);
    } as never;
    try {
      work();
    } finally {
      Buffer.prototype[method] = original as never;
    }
    return bytes;
  }

  function receiveInPieces(end: string, callback: (input: InputBuffer) => void): Connection {
    const connection = new Connection();
    const piece = Buffer.alloc(PIECE_BYTES, 'x');
    for (let index = 0; index < PIECES - 1; index += 1) connection.receive(piece, callback);
    connection.receive(Buffer.from('x'.repeat(PIECE_BYTES - end.length) + end), callback);
    return connection;
  }

  it('a line of 1 MB that comes in 1,000 pieces is searched through once', () => {
    let line: string | undefined;
    const scanned = count('indexOf', () => {
      receiveInPieces('\n', (input) => {
        line = input.readLine({ maxLength: TOTAL });
      });
    });
    expect(line).toHaveLength(TOTAL - 1);
    expect(scanned).toBeGreaterThan(TOTAL / 2); // else something else searches, and this counts nothing
    expect(scanned).toBeLessThanOrEqual(TOTAL);
  });

  it.each(['\r\n\r\n', 0x0a])('so is what indexOf(%j) looks for', (needle) => {
    let found = -1;
    const end = typeof needle === 'number' ? '\n' : needle;
    const scanned = count('indexOf', () => {
      receiveInPieces(end, (input) => {
        found = input.indexOf(needle);
      });
    });
    expect(found).toBe(TOTAL - end.length);
    expect(scanned).toBeGreaterThan(TOTAL / 2);
    expect(scanned).toBeLessThanOrEqual(TOTAL + PIECES * 4); // a needle of four bytes may have begun in the last three
  });

  it('the rest is copied a constant number of times, not once for each piece', () => {
    const copied = count('copy', () => {
      receiveInPieces('\n', (input) => void input.readLine({ maxLength: TOTAL }));
    });
    expect(copied).toBeGreaterThanOrEqual(TOTAL / 2);
    expect(copied).toBeLessThanOrEqual(4 * TOTAL);
  });

  it('a connection that always has a rest, and consumes as much as it gets, is linear as well, and bounded in memory', () => {
    const connection = new Connection();
    const piece = Buffer.alloc(1000, 'y');
    connection.receive(Buffer.alloc(50_000, 'y'), () => {});
    let memory = 0;
    const copied = count('copy', () => {
      for (let index = 0; index < 1000; index += 1) {
        connection.receive(piece, (input) => {
          memory = Math.max(memory, input.bytes?.buffer.byteLength ?? 0);
          input.consume(1000);
        });
      }
    });
    expect(connection.unread()).toHaveLength(50_000);
    expect(copied).toBeGreaterThanOrEqual(1_000_000);
    expect(copied).toBeLessThanOrEqual(4_000_000);
    expect(memory).toBeLessThanOrEqual(4 * 51_000);
  });
});

describe('InputBuffer: expiry', () => {
  it('throws NETMUX_INPUT_EXPIRED on every access when the callback is over', () => {
    const connection = new Connection();
    connection.receive(Buffer.from('line\n'), () => {});
    const { input } = connection;
    const accesses: Record<string, () => unknown> = {
      length: () => input.length,
      consume: () => input.consume(0),
      at: () => input.at(0),
      indexOf: () => input.indexOf(0x0a),
      peek: () => input.peek(),
      take: () => input.take(),
      view: () => input.view(),
      readLine: () => input.readLine(),
      lines: () => input.lines(),
      readFrame: () => input.readFrame(1),
      readUInt8: () => input.readUInt8(),
      readUInt16BE: () => input.readUInt16BE(),
      readUInt16LE: () => input.readUInt16LE(),
      readUInt32BE: () => input.readUInt32BE(),
      readUInt32LE: () => input.readUInt32LE(),
      toString: () => input.toString(),
    };
    for (const [name, access] of Object.entries(accesses)) expect([name, outcome(access)]).toEqual([name, 'NETMUX_INPUT_EXPIRED']);
  });

  it('a loop over lines() that goes on after its callback is stopped the same way', () => {
    const connection = new Connection();
    let lines: Iterator<string> | undefined;
    connection.receive(Buffer.from('one\ntwo\n'), (input) => {
      lines = input.lines();
      expect(lines.next().value).toBe('one');
    });
    expect(outcome(() => lines?.next())).toBe('NETMUX_INPUT_EXPIRED');
  });
});
