import { NetmuxTypeError, shown } from '../errors.js';
import { DEFAULT_MAX_LENGTH, type InputBuffer } from '../mux/input-buffer.js';
import { checkedInteger, checkedNames, checkedObject } from '../mux/socket-options.js';

/** Lengths are compared with counters of bytes, which are int32 words. */
export const MAX_FRAME_BYTES = 2 ** 31 - 1;

/** Options of every framing. */
export interface FramingOptions {
  /** Bytes of a frame, without what surrounds it; a longer one throws NETMUX_FRAME_TOO_LONG. Default 65,536. */
  readonly maxLength?: number;
  /** Frames are strings in this encoding. Default: views of the bytes. */
  readonly encoding?: BufferEncoding | undefined;
}

/** Options of a framing whose messages are text. */
export interface TextFramingOptions extends FramingOptions {
  /** Frames are strings in this encoding, and payloads may be; bytes are sent as they are. */
  readonly encoding: BufferEncoding;
}

/** What frames of an encoding are. */
export type FrameOf<Encoding> = Encoding extends BufferEncoding ? string : Buffer;

/** The options that framings have in common, checked. */
export interface FrameSettings {
  readonly maxLength: number;
  readonly encoding: BufferEncoding | undefined;
}

/**
 * @param call is named in errors
 * @param known names of the options that there are
 */
export function frameSettings(call: string, options: FramingOptions, known: readonly string[] = ['maxLength', 'encoding']): FrameSettings {
  checkedNames(call, checkedObject(call, options), known);
  const { maxLength = DEFAULT_MAX_LENGTH, encoding } = options;
  if (encoding !== undefined && !Buffer.isEncoding(encoding)) {
    throw new NetmuxTypeError(`${call}: encoding must be one that Buffer knows, not ${shown(encoding)}`);
  }
  return { maxLength: checkedInteger(call, 'maxLength', maxLength, 0, MAX_FRAME_BYTES), encoding };
}

/** The next `length` bytes as a frame, consumed. They must be there. */
export function takeFrame(input: InputBuffer, length: number, encoding: BufferEncoding | undefined): Buffer | string {
  if (encoding === undefined) return input.view(length);
  const text = input.toString(encoding, 0, length);
  input.consume(length);
  return text;
}

/** A payload as bytes. */
export function payloadBytes(call: string, payload: string | Uint8Array, encoding: BufferEncoding | undefined): Uint8Array {
  if (typeof payload === 'string') return Buffer.from(payload, encoding);
  if (payload instanceof Uint8Array) return payload;
  throw new NetmuxTypeError(`${call}: a payload must be a string or a Uint8Array, not ${shown(payload)}`);
}

/** What is sent is to be read by a peer with the same limit. */
export function checkPayloadLength(call: string, length: number, maxLength: number): void {
  if (length > maxLength) throw new NetmuxTypeError(`${call}: a payload of ${length} bytes, more than the ${maxLength} allowed`);
}
