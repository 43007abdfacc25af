/**
 * Each framing, without sockets: frames are written, the bytes arrive in pieces, the same frames are read. What holds for all of
 * them is written once, with a table of framings that know how long a frame may be.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delimited, type Framing, fixed, lengthPrefixed, lines, netstring, withHeader } from '../../src/framing/index.js';
import type { InputBuffer } from '../../src/mux/input-buffer.js';
import { Connection, everySplit } from '../mux/pieces.js';
import { tries } from '../tries.js';

/** Long enough for a length of two bytes, of two groups of a varint and of three digits. */
const LIMIT = 300;

interface Row {
  readonly name: string;
  make(maxLength: number): Framing<Buffer | string>;
  /** What a payload must not contain. */
  readonly without?: string;
  /** Says whether so many bytes can be a frame; without it all up to the limit. */
  readonly fits?: (length: number) => boolean;
  readonly tooLong?: 'NETMUX_LINE_TOO_LONG';
  /** The beginning of a frame that is longer than LIMIT, cut where that is certain. */
  readonly excess: (bytes: number) => Buffer;
}

/** A length in so many bytes. */
function number(value: number, bytes: number, littleEndian: boolean): Buffer {
  const written = Buffer.alloc(bytes);
  for (let place = 0; place < bytes; place += 1) written[littleEndian ? place : bytes - 1 - place] = Math.floor(value / 256 ** place) % 256;
  return written;
}

const filled = (bytes: number) => Buffer.alloc(bytes, 'x');

const prefixed = ([1, 2, 3, 4, 8] as const).flatMap((bytes) =>
  [false, true].map(
    (littleEndian): Row => ({
      name: `lengthPrefixed(${bytes})${littleEndian ? ' little-endian' : ''}`,
      make: (maxLength) => lengthPrefixed(bytes, { maxLength, littleEndian }),
      ...(bytes === 1 && { fits: (length: number) => length < 256 }),
      excess: (length) => number(length, bytes, littleEndian),
    }),
  ),
);

const ROWS: readonly Row[] = [
  { name: 'lines', make: (maxLength) => lines({ maxLength }), without: '\n', tooLong: 'NETMUX_LINE_TOO_LONG', excess: filled },
  { name: 'delimited by a byte', make: (maxLength) => delimited('\0', { maxLength }), without: '\0', excess: filled },
  {
    name: 'delimited by text',
    make: (maxLength) => delimited('\r\n.\r\n', { maxLength }),
    without: '\r\n.\r\n',
    excess: (bytes) => filled(bytes + '\n.\r\n'.length),
  },
  {
    name: 'delimited by bytes that are no text',
    make: (maxLength) => delimited(Buffer.from([0xff, 0xff, 0xfe]), { maxLength }),
    without: Buffer.from([0xff, 0xff, 0xfe]).toString('latin1'),
    excess: (bytes) => filled(bytes + 2),
  },
  ...prefixed,
  {
    name: 'lengthPrefixed(varint)',
    make: (maxLength) => lengthPrefixed('varint', { maxLength }),
    excess: (bytes) => Buffer.from([0x80 | (bytes % 0x80), bytes >> 7]),
  },
  { name: 'netstring', make: (maxLength) => netstring({ maxLength }), excess: (bytes) => Buffer.from(`${bytes}`) },
];

/** Bytes of a frame as they come out of any framing; lines are text. */
const bytesOf = (frame: Buffer | string) => Buffer.from(frame); // a copy: a view expires

/** What a connection makes of the pieces of its input. */
function framesOf(framing: Framing<Buffer | string>, pieces: readonly Uint8Array[], connection = new Connection()): Buffer[] {
  const frames: Buffer[] = [];
  for (const piece of pieces) {
    connection.receive(piece, (input) => {
      for (const frame of framing.frames(input)) frames.push(bytesOf(frame));
    });
  }
  return frames;
}

/** The code of what is thrown. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Payloads of text, so that a line can hold them, and that all framings tell apart. */
function payloads(row: Row): fc.Arbitrary<Buffer[]> {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '\r', '\n', '.', '\0', ',', ':', '0', '\x7f'), maxLength: 12 }),
    fc.integer({ min: 0, max: LIMIT }).map((length) => 'x'.repeat(length)),
  );
  const allowed = (line: string) =>
    !(row.without !== undefined && overlaps(line, row.without)) &&
    !(row.name === 'lines' && line.endsWith('\r')) &&
    (row.fits?.(line.length) ?? true);
  return fc.array(text.filter(allowed), { maxLength: 12 }).map((all) => all.map((line) => Buffer.from(line, 'latin1')));
}

/** Whether the delimiter, put behind the text, would be found earlier. */
function overlaps(text: string, delimiter: string): boolean {
  return (text + delimiter).indexOf(delimiter) < text.length;
}

describe.each(ROWS)('$name', (row) => {
  const framing = row.make(LIMIT);
  const tooLong = row.tooLong ?? 'NETMUX_FRAME_TOO_LONG';

  it('reads what it has written, cut in pieces in every possible way', () => {
    const texts = ['', 'ab', '', 'c'];
    const bytes = Buffer.concat(texts.map((text) => framing.encode(text)));
    const cuts = bytes.length <= 14 ? everySplit(bytes) : everyTwoCuts(bytes);
    for (const pieces of cuts) {
      const connection = new Connection();
      const frames = framesOf(framing, pieces, connection).map(String);
      expect({ pieces, frames, left: connection.unread().length }).toEqual({ pieces, frames: texts, left: 0 });
    }
  });

  it('reads what it has written, whatever it is and wherever it is cut', () => {
    fc.assert(
      fc.property(payloads(row), fc.array(fc.nat(400), { maxLength: 40 }), (sent, lengths) => {
        const bytes = Buffer.concat(sent.map((payload) => framing.encode(payload)));
        expect(framesOf(framing, cut(bytes, lengths)).map(String)).toEqual(sent.map(String));
      }),
      tries(200),
    );
  });

  it('reads byte by byte', () => {
    const sent = [Buffer.from('first'), filled(row.fits === undefined ? LIMIT : 255), Buffer.alloc(0), Buffer.from('last')];
    const bytes = Buffer.concat(sent.map((payload) => framing.encode(payload)));
    expect(framesOf(framing, cut(bytes, Array(bytes.length).fill(1)))).toEqual(sent);
  });

  it('takes a frame of exactly the maximum, and refuses one byte more as soon as it is certain', () => {
    const most = row.fits === undefined ? LIMIT : 255;
    expect(framesOf(row.make(most), [framing.encode(filled(most))])).toEqual([filled(most)]);
    const strict = row.make(most - 1);
    const connection = new Connection();
    const begin = row.excess(most);
    expect(framesOf(strict, cut(begin.subarray(0, -1), Array(begin.length).fill(1)), connection)).toEqual([]);
    expect(codeOf(() => framesOf(strict, [begin.subarray(-1)], connection))).toBe(tooLong);
  });

  it('consumes nothing of a frame that is too long, and all before it', () => {
    const strict = row.make(4);
    const excess = Buffer.concat([row.excess(5), filled(20)]);
    const good = strict.encode('good');
    new Connection().receive(Buffer.concat([good, excess]), (input) => {
      expect(String(strict.read(input))).toBe('good');
      expect(codeOf(() => strict.read(input))).toBe(tooLong);
      expect(codeOf(() => strict.read(input))).toBe(tooLong);
      expect(input.length).toBe(excess.length);
    });
  });

  it('sends nothing that a peer with the same limit would refuse', () => {
    expect(codeOf(() => row.make(4).encode('12345'))).toBe('NETMUX_BAD_ARGUMENT');
    expect(codeOf(() => framing.encode(5 as never))).toBe('NETMUX_BAD_ARGUMENT');
  });

  it('leaves what follows to whoever reads on, frame by frame', () => {
    const bytes = Buffer.concat([framing.encode('one'), framing.encode('two'), Buffer.from('rest')]);
    new Connection().receive(bytes, (input) => {
      for (const frame of framing.frames(input)) if (String(frame) === 'one') break;
      expect(String(framing.read(input))).toBe('two');
      expect(input.toString()).toBe('rest');
    });
  });

  it('looks at nothing but what is there: an incomplete frame stays as it is', () => {
    const bytes = framing.encode('incomplete');
    new Connection().receive(bytes.subarray(0, -1), (input) => {
      expect(framing.read(input)).toBe(undefined);
      expect(framing.read(input)).toBe(undefined);
      expect(input.take()).toEqual(bytes.subarray(0, -1));
      expect(framing.read(input)).toBe(undefined);
    });
  });
});

/** All ways to cut bytes in three. */
function* everyTwoCuts(bytes: Buffer): Generator<Buffer[]> {
  for (let first = 0; first <= bytes.length; first += 1) {
    for (let second = first; second <= bytes.length; second += 1) {
      yield [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)].filter((piece) => piece.length > 0);
    }
  }
}

/** Pieces of these lengths, and what is left. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const length of lengths) {
    if (length > 0 && from < bytes.length) pieces.push(bytes.subarray(from, from + length));
    from += length;
  }
  if (from < bytes.length) pieces.push(bytes.subarray(from));
  return pieces;
}

describe('frames of bytes', () => {
  const framing = lengthPrefixed(1);

  it('are views of the input, not copies', () => {
    new Connection().receive(framing.encode('abc'), (input) => {
      const memory = input.bytes!.buffer;
      expect(framing.read(input)!.buffer).toBe(memory);
    });
  });

  it('hold every byte value', () => {
    const all = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value));
    for (const one of [lengthPrefixed(2), lengthPrefixed('varint'), netstring(), fixed(256)]) {
      new Connection().receive(one.encode(all), (input) => expect(one.read(input)).toEqual(all));
    }
  });
});

describe('frames of text', () => {
  const rows: [string, Framing<string>][] = [
    ['delimited', delimited(';', { encoding: 'utf8' })],
    ['fixed', fixed(6, 'utf8')],
    ['lengthPrefixed', lengthPrefixed(2, { encoding: 'utf8' })],
    ['netstring', netstring({ encoding: 'utf8' })],
  ];

  it.each(rows)('%s gives strings, cut anywhere', (_, framing) => {
    for (const pieces of everySplit(framing.encode('äöü'))) {
      const texts: string[] = [];
      for (const connection = new Connection(); pieces.length > 0; ) {
        connection.receive(pieces.shift()!, (input) => texts.push(...framing.frames(input)));
      }
      expect(texts).toEqual(['äöü']);
    }
  });

  it('are sent in their encoding', () => {
    expect(lengthPrefixed(1, { encoding: 'latin1' }).encode('ä')).toEqual(Buffer.from([1, 0xe4]));
    expect(netstring({ encoding: 'hex' }).encode('ff00')).toEqual(Buffer.from([0x32, 0x3a, 0xff, 0x00, 0x2c]));
  });
});

describe('fixed', () => {
  it('cuts input into frames of one length, wherever it was cut before', () => {
    const bytes = Buffer.from('abcdefgh');
    for (const pieces of everySplit(bytes)) expect(framesOf(fixed(3), pieces).map(String)).toEqual(['abc', 'def']);
  });

  it('sends no other length', () => {
    expect(fixed(3).encode('abc')).toEqual(Buffer.from('abc'));
    for (const text of ['', 'ab', 'abcd']) expect(codeOf(() => fixed(3).encode(text))).toBe('NETMUX_BAD_ARGUMENT');
  });
});

describe('withHeader', () => {
  /** A type, then a length that counts itself but not the type, as PostgreSQL has it. */
  const postgres = withHeader(5, (data) => data.readUInt32BE(1) - 4, { maxLength: 9 });
  const message = (type: string, body: string) => Buffer.concat([Buffer.from(type), number(4 + body.length, 4, false), Buffer.from(body)]);

  it('gives header and rest as one frame, wherever it is cut', () => {
    const sent = [message('Q', 'ab'), message('S', ''), message('X', '1234')];
    for (const pieces of everyTwoCuts(Buffer.concat(sent))) expect(framesOf(postgres, pieces)).toEqual(sent);
    expect(postgres.encode(sent[0]!)).toEqual(sent[0]);
  });

  it('counts the header towards the maximum, and knows it when the header is there', () => {
    const long = message('Q', '12345');
    expect(framesOf(postgres, [long.subarray(0, 4)])).toEqual([]);
    expect(codeOf(() => framesOf(postgres, [long.subarray(0, 5)]))).toBe('NETMUX_FRAME_TOO_LONG');
  });

  it.each([3, 0])('a length of %i, less than it counts itself, is NETMUX_FRAME_MALFORMED', (length) => {
    expect(codeOf(() => framesOf(postgres, [Buffer.concat([Buffer.from('Q'), number(length, 4, false)])]))).toBe('NETMUX_FRAME_MALFORMED');
  });

  it.each([Number.NaN, 1.5, undefined, Number.POSITIVE_INFINITY])('%s as the rest of a header is NETMUX_FRAME_MALFORMED', (rest) => {
    const framing = withHeader(1, () => rest as number);
    expect(codeOf(() => framesOf(framing, [Buffer.from('x')]))).toBe('NETMUX_FRAME_MALFORMED');
  });
});

describe('the bytes on the wire', () => {
  it('of a netstring', () => {
    expect(netstring().encode('hello world!').toString()).toBe('12:hello world!,');
    expect(netstring().encode('').toString()).toBe('0:,');
  });

  it('of lengths', () => {
    const head = (framing: Framing<Buffer>, length: number) => framing.encode(filled(length)).subarray(0, -length).toString('hex');
    expect(head(lengthPrefixed(2), 258)).toBe('0102');
    expect(head(lengthPrefixed(2, { littleEndian: true }), 258)).toBe('0201');
    expect(head(lengthPrefixed(3), 258)).toBe('000102');
    expect(head(lengthPrefixed(8, { littleEndian: true }), 258)).toBe('0201000000000000');
    expect(head(lengthPrefixed('varint'), 300)).toBe('ac02');
    expect(head(lengthPrefixed('varint'), 127)).toBe('7f');
    expect(head(lengthPrefixed('varint'), 128)).toBe('8001');
  });

  it('of lines end in LF, and CRLF is read as well', () => {
    expect(lines().encode('abc').toString()).toBe('abc\n');
    expect(framesOf(lines(), [Buffer.from('a\r\nb\n')]).map(String)).toEqual(['a', 'b']);
  });
});

describe('malformed input', () => {
  const bad: [string, Framing<Buffer>, string][] = [
    ['a netstring without a length', netstring(), ':'],
    ['a netstring with a leading zero', netstring(), '01'],
    ['a netstring with two zeros', netstring(), '00'],
    ['a netstring with a sign', netstring(), '-'],
    ['a netstring with a blank', netstring(), '1 '],
    ['a netstring with another end', netstring(), '3:abc;'],
    ['a varint without an end', lengthPrefixed('varint'), '\x80'.repeat(10)],
  ];

  it.each(bad)('%s is NETMUX_FRAME_MALFORMED at its last byte, not before', (_, framing, text) => {
    const bytes = Buffer.from(text, 'latin1');
    const connection = new Connection();
    expect(framesOf(framing, cut(bytes.subarray(0, -1), Array(bytes.length).fill(1)), connection)).toEqual([]);
    expect(codeOf(() => framesOf(framing, [bytes.subarray(-1)], connection))).toBe('NETMUX_FRAME_MALFORMED');
  });

  it('is told of in the same way wherever it is cut, behind the same frames', () => {
    const framings = [...ROWS.map((row) => row.make(20)), fixed(7), withHeader(3, (data) => data.readUInt8(2))];
    const codes = ['NETMUX_FRAME_TOO_LONG', 'NETMUX_LINE_TOO_LONG', 'NETMUX_FRAME_MALFORMED', undefined];
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x30, 0x31, 0x3a, 0x2c, 0x0a, 0x80, 0xff));
    const piece = fc.array(byte, { maxLength: 30 }).map((bytes) => Uint8Array.from(bytes));
    /** What is read, and the error behind it. */
    const outcome = (framing: Framing<Buffer | string>, pieces: readonly Uint8Array[]) => {
      const connection = new Connection();
      const frames: string[] = [];
      const read = (input: InputBuffer) => {
        for (const frame of framing.frames(input)) frames.push(bytesOf(frame).toString('hex'));
      };
      return { code: codeOf(() => pieces.forEach((bytes) => void connection.receive(bytes, read))), frames };
    };
    fc.assert(
      fc.property(fc.constantFrom(...framings), fc.array(piece, { maxLength: 8 }), (framing, pieces) => {
        const whole = outcome(framing, [Buffer.concat(pieces)]);
        expect(codes).toContain(whole.code);
        expect(outcome(framing, pieces)).toEqual(whole);
      }),
      tries(2000),
    );
  });

  it('a length of eight bytes that no number holds exactly is too long', () => {
    expect(codeOf(() => framesOf(lengthPrefixed(8, { maxLength: 2 ** 31 - 1 }), [Buffer.alloc(8, 0xff)]))).toBe('NETMUX_FRAME_TOO_LONG');
    const longest = Buffer.concat([Buffer.alloc(9, 0xff), Buffer.from([0x01])]);
    expect(codeOf(() => framesOf(lengthPrefixed('varint', { maxLength: 2 ** 31 - 1 }), [longest]))).toBe('NETMUX_FRAME_TOO_LONG');
  });

  it('a varint that takes more bytes than it needs is read', () => {
    expect(framesOf(lengthPrefixed('varint'), [Buffer.from([0x82, 0x80, 0x00, 0x61, 0x62])]).map(String)).toEqual(['ab']);
  });
});

describe('encode', () => {
  it.each([
    ['a line', lines(), 'a\nb'],
    ['a delimiter', delimited('--'), 'a--b'],
    ['a delimiter that begins in the payload and ends behind it', delimited('--'), 'a-'],
    ['a delimiter among bytes', delimited(Buffer.from([0xff])), Buffer.from([1, 0xff, 2])],
  ])('refuses a payload that would be read as two frames: %s', (_, framing: Framing<unknown>, payload) => {
    expect(codeOf(() => framing.encode(payload))).toBe('NETMUX_BAD_ARGUMENT');
  });

  it('refuses a length that has no place in its prefix', () => {
    expect(lengthPrefixed(1).encode(filled(255))).toHaveLength(256);
    expect(codeOf(() => lengthPrefixed(1).encode(filled(256)))).toBe('NETMUX_BAD_ARGUMENT');
    expect(codeOf(() => lengthPrefixed(2, { maxLength: 100_000 }).encode(filled(65_536)))).toBe('NETMUX_BAD_ARGUMENT');
  });
});

describe('map', () => {
  const json = lines().map<unknown>(JSON.parse, JSON.stringify);

  it('reads and writes values', () => {
    const values = [{ a: [1, 'ä'] }, 5, 'text', []];
    const seen: unknown[] = [];
    new Connection().receive(Buffer.concat(values.map((value) => json.encode(value))), (input) => seen.push(...json.frames(input)));
    expect(seen).toEqual(values);
  });

  it('passes on what the decoder throws; the frame is consumed', () => {
    new Connection().receive(Buffer.from('{\n5\n'), (input) => {
      expect(() => json.read(input)).toThrow(SyntaxError);
      expect(json.read(input)).toBe(5);
      expect(json.read(input)).toBe(undefined);
    });
  });
});

describe('one object serves all connections', () => {
  it('which may change their framing between any two frames', () => {
    const head = lines();
    const body = lengthPrefixed(2);
    const bytes = Buffer.concat([head.encode('HELLO'), body.encode('\n\n'), head.encode('BYE')]);
    for (const pieces of everyTwoCuts(bytes)) {
      const seen: string[] = [];
      const connection = new Connection();
      const step = (input: InputBuffer) => {
        for (;;) {
          const frame = seen.length === 1 ? body.read(input) : head.read(input);
          if (frame === undefined) return;
          seen.push(String(frame));
        }
      };
      for (const piece of pieces) connection.receive(piece, step);
      expect(seen).toEqual(['HELLO', '\n\n', 'BYE']);
    }
  });

  it('and may take turns', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(5)), { maxLength: 60 }), (turns) => {
        for (const framing of [lines(), delimited('ab'), lengthPrefixed('varint'), netstring()] as Framing<Buffer | string>[]) {
          const bytes = Buffer.concat(Array.from({ length: 10 }, (_, index) => framing.encode(`#${index}`)));
          const sides = [0, 1].map(() => ({ connection: new Connection(), at: 0, frames: [] as string[] }));
          for (const [which, count] of [...turns, [true, 1000], [false, 1000]] as [boolean, number][]) {
            const side = sides[Number(which)]!;
            const piece = bytes.subarray(side.at, side.at + count);
            side.at += count;
            if (piece.length > 0) side.frames.push(...framesOf(framing, [piece], side.connection).map(String));
          }
          for (const { frames } of sides) expect(frames).toEqual(Array.from({ length: 10 }, (_, index) => `#${index}`));
        }
      }),
      tries(50),
    );
  });
});

describe('misuse', () => {
  const calls: [string, () => unknown][] = [
    ['a limit that is no whole number', () => lines({ maxLength: 1.5 })],
    ['a negative limit', () => netstring({ maxLength: -1 })],
    ['a limit above what a counter holds', () => netstring({ maxLength: 2 ** 31 })],
    ['an unknown option', () => netstring({ max: 1 } as never)],
    ['options that are none', () => netstring(5 as never)],
    ['an encoding for lines, which are UTF-8', () => lines({ encoding: 'latin1' } as never)],
    ['an encoding for frames with a header', () => withHeader(1, () => 0, { encoding: 'utf8' } as never)],
    ['an unknown encoding', () => netstring({ encoding: 'klingon' as never })],
    ['a prefix of five bytes', () => lengthPrefixed(5 as never)],
    ['a byte order that is none', () => lengthPrefixed(2, { littleEndian: 1 as never })],
    ['an empty delimiter', () => delimited('')],
    ['a delimiter that is none', () => delimited(10 as never)],
    ['frames of no bytes', () => fixed(0)],
    ['a header of no bytes', () => withHeader(0, () => 0)],
    ['a header without a function', () => withHeader(1, 5 as never)],
  ];

  it.each(calls)('%s is a TypeError', (_, call) => {
    expect(call).toThrow(TypeError);
    expect(codeOf(call)).toBe('NETMUX_BAD_ARGUMENT');
  });
});
