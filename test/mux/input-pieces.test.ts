/**
 * Many lines in one read are made into text together. Whatever lies in them and whatever is done between two of them, the
 * answers are those of a plain buffer that is cut line by line.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InputBuffer } from '../../src/mux/input-buffer.js';

/** A failure is reported before the test's own time is over, shrunk as far as it got. */
const PATIENCE = { interruptAfterTimeLimit: 15_000, numRuns: 400 };

const MAX_LENGTH = 2500;

/** The slow way. */
class PlainInput {
  constructor(private bytes: Buffer) {}

  readLine(): string | undefined {
    const end = this.bytes.indexOf('\n');
    const line = (end < 0 ? this.bytes : this.bytes.subarray(0, end)).toString('latin1').replace(/\r$/, '');
    if (line.length > MAX_LENGTH) return 'NETMUX_LINE_TOO_LONG';
    if (end < 0) return undefined;
    this.bytes = this.bytes.subarray(end + 1);
    return Buffer.from(line, 'latin1').toString();
  }

  take(n: number): string {
    const taken = this.bytes.subarray(0, n).toString('hex');
    this.bytes = this.bytes.subarray(n);
    return taken;
  }

  indexOf(needle: string): number {
    return this.bytes.indexOf(needle);
  }

  get length(): number {
    return this.bytes.length;
  }
}

function readLine(input: InputBuffer): string | undefined {
  try {
    return input.readLine({ maxLength: MAX_LENGTH });
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const character = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom('a', 'b', ' ', '\r') },
  { weight: 1, arbitrary: fc.constantFrom('ä', '€', '😀', '\u0000', '\u0080') },
);
const plainLine = fc.nat({ max: 400 }).map((length) => 'x'.repeat(length));
const line = fc.oneof(
  { weight: 12, arbitrary: plainLine },
  { weight: 4, arbitrary: fc.array(character, { maxLength: 80 }).map((characters) => characters.join('')) },
  { weight: 1, arbitrary: fc.constantFrom('y'.repeat(2600), 'z'.repeat(2047), 'z'.repeat(2048), '') },
);
const content = fc
  .tuple(fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n')), { maxLength: 80 }), line, fc.constantFrom('', '\xff', '\xc3'))
  .map(([lines, rest, broken]) => Buffer.concat([Buffer.from(lines.flat().join('')), Buffer.from(broken, 'latin1'), Buffer.from(rest)]));

type Step = { readonly kind: 'readLine' | 'take' | 'indexOf'; readonly bytes: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof({ weight: 12, arbitrary: fc.constant('readLine' as const) }, { weight: 1, arbitrary: fc.constantFrom('take', 'indexOf') }),
  bytes: fc.nat({ max: 40 }),
});

function perform(input: InputBuffer, { kind, bytes }: Step): string | number | undefined {
  if (kind === 'readLine') return readLine(input);
  return kind === 'take' ? input.take(Math.min(bytes, input.length)).toString('hex') : input.indexOf('\r\n');
}

function performPlainly(input: PlainInput, { kind, bytes }: Step): string | number | undefined {
  if (kind === 'readLine') return input.readLine();
  return kind === 'take' ? input.take(Math.min(bytes, input.length)) : input.indexOf('\r\n');
}

it('lines that come together are those that come alone, whatever is done between them', () => {
  const input = new InputBuffer();
  fc.assert(
    fc.property(
      fc.array(content, { minLength: 1, maxLength: 3 }),
      fc.array(step, { maxLength: 120 }),
      fc.nat({ max: 9 }),
      (reads, steps, at) => {
        for (const bytes of reads) {
          // In one piece of memory, as reads are: what lies behind the end is somebody else's.
          const slab = Buffer.concat([Buffer.alloc(at, 'q'), bytes, Buffer.from('other\nlines\n')]);
          input.present(slab, at, at + bytes.length);
          const plain = new PlainInput(bytes);
          for (const each of steps) {
            expect([each, perform(input, each), input.length]).toEqual([each, performPlainly(plain, each), plain.length]);
          }
        }
      },
    ),
    PATIENCE,
  );
});

it('a line longer than allowed among others is not consumed, and those behind it are', () => {
  const input = new InputBuffer();
  const bytes = Buffer.from(`${'short\n'.repeat(20)}${'l'.repeat(30)}\n${'short\n'.repeat(20)}`);
  input.present(bytes, 0, bytes.length);
  for (let index = 0; index < 20; index += 1) expect(input.readLine({ maxLength: 10 })).toBe('short');
  expect(() => input.readLine({ maxLength: 10 })).toThrow(expect.objectContaining({ code: 'NETMUX_LINE_TOO_LONG' }));
  input.consume(31);
  expect([...input.lines({ maxLength: 10 })]).toEqual(Array(20).fill('short'));
});

it('text is found as a buffer finds it, near, far, cut off by the end, empty', () => {
  const input = new InputBuffer();
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', 'ä'), maxLength: 300 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'ä'), maxLength: 4 }),
      fc.nat({ max: 320 }),
      (text, needle, from) => {
        const bytes = Buffer.from(text);
        const slab = Buffer.concat([bytes, Buffer.from('abäabä')]);
        input.present(slab, 0, bytes.length);
        const expected = from > bytes.length ? -1 : bytes.indexOf(needle, from);
        expect(input.indexOf(needle, from)).toBe(expected);
        expect(input.indexOf(needle, from)).toBe(expected);
      },
    ),
    { numRuns: 2000, interruptAfterTimeLimit: 10_000 },
  );
});
