import type { InputBuffer } from '../mux/input-buffer.js';
import {
  checkPayloadLength,
  type FrameOf,
  type FrameSettings,
  type FramingOptions,
  frameSettings,
  payloadBytes,
  type TextFramingOptions,
  takeFrame,
} from './frame-options.js';
import { Framing, frameTooLong, malformed } from './framing.js';

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * Netstrings: the length in decimal digits, a colon, the bytes, a comma: `5:hello,`. A length has no leading zeros.
 * (Twisted: NetstringReceiver)
 */
export function netstring(options: TextFramingOptions): Framing<string>;
export function netstring(options?: FramingOptions & { readonly encoding?: undefined }): Framing<Buffer>;
export function netstring(options: FramingOptions = {}): Framing<string> | Framing<Buffer> {
  return new Netstring(frameSettings('netstring', options)) as Framing<string> | Framing<Buffer>;
}

class Netstring<Encoding extends BufferEncoding | undefined> extends Framing<FrameOf<Encoding>> {
  readonly #settings: FrameSettings;

  constructor(settings: FrameSettings) {
    super();
    this.#settings = settings;
  }

  read(input: InputBuffer): FrameOf<Encoding> | undefined {
    const { maxLength, encoding } = this.#settings;
    let length = 0;
    let digits = 0;
    // Ends at the limit at the latest: each further digit makes the length ten times as large, and a zero has no further ones.
    for (;;) {
      const byte = input.at(digits);
      if (byte === undefined) return undefined;
      if (byte === COLON && digits > 0) break;
      if (byte < ZERO || byte > NINE || (digits === 1 && length === 0))
        throw malformed('a netstring that does not begin with its length and a colon');
      length = length * 10 + (byte - ZERO);
      digits += 1;
      if (length > maxLength) throw frameTooLong(`at least ${length}`, maxLength);
    }
    const comma = digits + 1 + length;
    const last = input.at(comma);
    if (last === undefined) return undefined;
    if (last !== COMMA) throw malformed('a netstring without a comma behind it');
    input.consume(digits + 1);
    const frame = takeFrame(input, length, encoding);
    input.consume(1);
    return frame as FrameOf<Encoding>;
  }

  encode(payload: string | Uint8Array): Buffer {
    const bytes = payloadBytes('netstring', payload, this.#settings.encoding);
    checkPayloadLength('netstring', bytes.length, this.#settings.maxLength);
    const head = `${bytes.length}:`;
    const frame = Buffer.allocUnsafe(head.length + bytes.length + 1);
    frame.latin1Write(head, 0);
    frame.set(bytes, head.length);
    frame[frame.length - 1] = COMMA;
    return frame;
  }
}
