import { NetmuxTypeError } from '../errors.js';
import type { InputBuffer, LineOptions } from '../mux/input-buffer.js';
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
import { Framing, frameTooLong } from './framing.js';

const LINE_FEED = '\n';

/**
 * Lines of text, as `data.lines()` gives them: they end in LF or CRLF, and are sent with LF. A longer one than `maxLength` throws
 * NETMUX_LINE_TOO_LONG. (Netty: LineBasedFrameDecoder; Twisted: LineReceiver; Erlang: `{packet, line}`)
 */
export function lines(options: LineOptions = {}): Framing<string> {
  return new Lines(frameSettings('lines', options, ['maxLength']).maxLength);
}

/**
 * Frames that end in a delimiter, which is not part of them. (Netty: DelimiterBasedFrameDecoder)
 * @param delimiter text, as UTF-8, or bytes. What was searched through once is not searched through again when more comes, unless the
 *   delimiter is several bytes that are no UTF-8
 */
export function delimited(delimiter: string | Uint8Array, options: TextFramingOptions): Framing<string>;
export function delimited(delimiter: string | Uint8Array, options?: FramingOptions & { readonly encoding?: undefined }): Framing<Buffer>;
export function delimited(delimiter: string | Uint8Array, options: FramingOptions = {}): Framing<string> | Framing<Buffer> {
  return new Delimited(delimiter, frameSettings('delimited', options)) as Framing<string> | Framing<Buffer>;
}

class Lines extends Framing<string> {
  readonly #maxLength: number;

  constructor(maxLength: number) {
    super();
    this.#maxLength = maxLength;
  }

  read(input: InputBuffer): string | undefined {
    return input.nextLine(this.#maxLength);
  }

  encode(line: string | Uint8Array): Buffer {
    const bytes = payloadBytes('lines', line, 'utf8');
    checkPayloadLength('lines', bytes.length, this.#maxLength);
    return joined('lines', bytes, Buffer.from(LINE_FEED));
  }
}

class Delimited<Encoding extends BufferEncoding | undefined> extends Framing<FrameOf<Encoding>> {
  readonly #delimiter: Buffer;
  /** What `indexOf` is asked for: it keeps its place in the input for numbers and texts. */
  readonly #needle: number | string | Buffer;
  readonly #settings: FrameSettings;

  constructor(delimiter: string | Uint8Array, settings: FrameSettings) {
    super();
    this.#delimiter = Buffer.from(payloadBytes('delimited', delimiter, 'utf8'));
    if (this.#delimiter.length === 0) throw new NetmuxTypeError('delimited: a delimiter has at least one byte');
    this.#needle = needleOf(this.#delimiter);
    this.#settings = settings;
  }

  read(input: InputBuffer): FrameOf<Encoding> | undefined {
    const { maxLength, encoding } = this.#settings;
    const found = input.indexOf(this.#needle);
    const size = this.#delimiter.length;
    // The delimiter may have begun in the last bytes: these need not be the frame's.
    const least = found >= 0 ? found : input.length - (size - 1);
    if (least > maxLength) throw frameTooLong(`at least ${least}`, maxLength);
    if (found < 0) return undefined;
    const frame = takeFrame(input, found, encoding);
    input.consume(size);
    return frame as FrameOf<Encoding>;
  }

  encode(payload: string | Uint8Array): Buffer {
    const bytes = payloadBytes('delimited', payload, this.#settings.encoding);
    checkPayloadLength('delimited', bytes.length, this.#settings.maxLength);
    return joined('delimited', bytes, this.#delimiter);
  }
}

function needleOf(delimiter: Buffer): number | string | Buffer {
  if (delimiter.length === 1) return delimiter[0]!;
  const text = delimiter.toString();
  return Buffer.from(text).equals(delimiter) ? text : delimiter;
}

/** @throws NetmuxTypeError where the end would be found earlier: then the rest would be a frame of its own, perhaps one that somebody has smuggled in */
function joined(call: string, payload: Uint8Array, delimiter: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(payload.length + delimiter.length);
  frame.set(payload);
  frame.set(delimiter, payload.length);
  if (frame.indexOf(delimiter) === payload.length) return frame;
  throw new NetmuxTypeError(`${call}: the payload has the delimiter in it`);
}
