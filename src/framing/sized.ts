import { NetmuxTypeError, shown } from '../errors.js';
import type { InputBuffer } from '../mux/input-buffer.js';
import { checkedBoolean, checkedInteger } from '../mux/socket-options.js';
import {
  checkPayloadLength,
  type FrameOf,
  type FrameSettings,
  type FramingOptions,
  frameSettings,
  MAX_FRAME_BYTES,
  payloadBytes,
  type TextFramingOptions,
  takeFrame,
} from './frame-options.js';
import { Framing, frameTooLong, malformed } from './framing.js';
import { type LengthCode, lengthCode, type Prefix } from './length-code.js';

/** Bytes of a header: beyond that it is no header, but a mistake. */
const MAX_HEADER_BYTES = 1024;

interface ByteOrder {
  /** The length is little-endian. Default false: network order. A varint has its own order. */
  readonly littleEndian?: boolean;
}

/** Options of `lengthPrefixed`. */
export type LengthPrefixedOptions = FramingOptions & ByteOrder;

/**
 * Frames of one length. (Netty: FixedLengthFrameDecoder)
 * @param length in bytes, at least 1
 */
export function fixed(length: number, encoding: BufferEncoding): Framing<string>;
export function fixed(length: number): Framing<Buffer>;
export function fixed(length: number, encoding?: BufferEncoding): Framing<string> | Framing<Buffer> {
  const maxLength = checkedInteger('fixed', 'length', length, 1, MAX_FRAME_BYTES);
  return new Fixed(frameSettings('fixed', { maxLength, encoding })) as Framing<string> | Framing<Buffer>;
}

/**
 * Frames behind their length, which does not count itself. (Netty: LengthFieldBasedFrameDecoder; Twisted: Int8StringReceiver to
 * Int32StringReceiver; Erlang: `{packet, 1 | 2 | 4}`)
 * @param prefix how many bytes hold the length; 'varint' is the unsigned one of Protocol Buffers: seven bits in each byte, the lowest
 *   first, at most ten bytes
 */
export function lengthPrefixed(prefix: Prefix, options: TextFramingOptions & ByteOrder): Framing<string>;
export function lengthPrefixed(prefix: Prefix, options?: LengthPrefixedOptions & { readonly encoding?: undefined }): Framing<Buffer>;
export function lengthPrefixed(prefix: Prefix, options: LengthPrefixedOptions = {}): Framing<string> | Framing<Buffer> {
  const settings = frameSettings('lengthPrefixed', options, ['maxLength', 'encoding', 'littleEndian']);
  const { littleEndian = false } = options;
  const code = lengthCode(prefix, checkedBoolean('lengthPrefixed', 'littleEndian', littleEndian));
  return new LengthPrefixed(code, settings) as Framing<string> | Framing<Buffer>;
}

/**
 * Frames that begin with a header which tells how much follows it; header and rest are one frame. For lengths that stand behind other
 * fields, or count the header: `withHeader(5, (data) => data.readUInt32BE(1) - 4)`. A payload is sent as it is, since it has its header.
 * (Netty: LengthFieldBasedFrameDecoder with an offset and an adjustment)
 * @param headerBytes bytes of the header, 1 to 1,024
 * @param rest reads from a header how many bytes follow it; anything but a whole number from 0 on is NETMUX_FRAME_MALFORMED
 * @param options `maxLength` counts the header, too
 */
export function withHeader(
  headerBytes: number,
  rest: (input: InputBuffer) => number,
  options: Pick<FramingOptions, 'maxLength'> = {},
): Framing<Buffer> {
  const { maxLength } = frameSettings('withHeader', options, ['maxLength']);
  if (typeof rest !== 'function') throw new NetmuxTypeError(`withHeader: rest must be a function, not ${shown(rest)}`);
  return new WithHeader(checkedInteger('withHeader', 'headerBytes', headerBytes, 1, MAX_HEADER_BYTES), rest, maxLength);
}

class Fixed<Encoding extends BufferEncoding | undefined> extends Framing<FrameOf<Encoding>> {
  readonly #length: number;
  readonly #encoding: BufferEncoding | undefined;

  constructor({ maxLength, encoding }: FrameSettings) {
    super();
    this.#length = maxLength;
    this.#encoding = encoding;
  }

  read(input: InputBuffer): FrameOf<Encoding> | undefined {
    if (input.length < this.#length) return undefined;
    return takeFrame(input, this.#length, this.#encoding) as FrameOf<Encoding>;
  }

  encode(payload: string | Uint8Array): Buffer {
    const frame = Buffer.from(payloadBytes('fixed', payload, this.#encoding));
    if (frame.length === this.#length) return frame;
    throw new NetmuxTypeError(`fixed: a payload of ${frame.length} bytes where all have ${this.#length}`);
  }
}

class LengthPrefixed<Encoding extends BufferEncoding | undefined> extends Framing<FrameOf<Encoding>> {
  readonly #code: LengthCode;
  readonly #settings: FrameSettings;

  constructor(code: LengthCode, settings: FrameSettings) {
    super();
    this.#code = code;
    this.#settings = settings;
  }

  read(input: InputBuffer): FrameOf<Encoding> | undefined {
    const { maxLength, encoding } = this.#settings;
    const prefix = this.#code.sizeIn(input);
    if (prefix === 0) return undefined;
    const length = this.#code.valueIn(input, prefix);
    if (length > maxLength) throw frameTooLong(length, maxLength);
    if (input.length < prefix + length) return undefined;
    input.consume(prefix);
    return takeFrame(input, length, encoding) as FrameOf<Encoding>;
  }

  encode(payload: string | Uint8Array): Buffer {
    const bytes = payloadBytes('lengthPrefixed', payload, this.#settings.encoding);
    checkPayloadLength('lengthPrefixed', bytes.length, this.#settings.maxLength);
    const prefix = this.#code.sizeOf(bytes.length);
    const frame = Buffer.allocUnsafe(prefix + bytes.length);
    this.#code.write(frame, bytes.length);
    frame.set(bytes, prefix);
    return frame;
  }
}

class WithHeader extends Framing<Buffer> {
  readonly #headerBytes: number;
  readonly #rest: (input: InputBuffer) => number;
  readonly #maxLength: number;

  constructor(headerBytes: number, rest: (input: InputBuffer) => number, maxLength: number) {
    super();
    this.#headerBytes = headerBytes;
    this.#rest = rest;
    this.#maxLength = maxLength;
  }

  read(input: InputBuffer): Buffer | undefined {
    if (input.length < this.#headerBytes) return undefined;
    const rest = this.#rest;
    const following = rest(input);
    if (!Number.isInteger(following) || following < 0) throw malformed(`a header that ${shown(following)} bytes follow`);
    const length = this.#headerBytes + following;
    if (length > this.#maxLength) throw frameTooLong(length, this.#maxLength);
    return input.length < length ? undefined : input.view(length);
  }

  encode(frame: string | Uint8Array): Buffer {
    const bytes = payloadBytes('withHeader', frame, 'utf8');
    checkPayloadLength('withHeader', bytes.length, this.#maxLength);
    return Buffer.from(bytes);
  }
}
