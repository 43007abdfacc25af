import { NetmuxError } from '../errors.js';
import type { InputBuffer } from '../mux/input-buffer.js';
import { FrameIterator } from './frame-iterator.js';

/**
 * How messages are told apart on a stream of bytes. A framing keeps nothing of a connection: what is incomplete stays in its
 * input buffer. So one object serves all connections, and a connection may change its framing between any two frames.
 *
 * Frames of bytes are views, valid until the callback returns: `Buffer.from(frame)` makes a copy to keep. With an `encoding`
 * they are strings.
 *
 * @typeParam Frame what is read
 * @typeParam Payload what is sent
 */
export abstract class Framing<Frame, Payload = string | Uint8Array> {
  readonly #walk = new FrameIterator(this);

  /**
   * The next frame, consumed; undefined while it is incomplete.
   * @throws NETMUX_FRAME_TOO_LONG (lines: NETMUX_LINE_TOO_LONG) as soon as it is certain, which is before the frame is complete;
   *   NETMUX_FRAME_MALFORMED. Nothing is consumed, and nothing that follows can be read: thrown by a callback it ends the connection.
   */
  abstract read(input: InputBuffer): Frame | undefined;

  /**
   * A payload as a frame, ready to be written.
   * @throws NetmuxTypeError for a payload that the peer would read as something else, or would not read
   */
  abstract encode(payload: Payload): Buffer;

  /**
   * The complete frames, as `read` gives them. Each is consumed when it is yielded, so that a `break` loses none. The iterator is one
   * object, used again by the next call; so is what its `next()` returns.
   */
  frames(input: InputBuffer): IterableIterator<Frame> {
    return this.#walk.over(input);
  }

  /**
   * The same frames as values of another kind: `lines().map(JSON.parse, JSON.stringify)`.
   * @param decode what it throws ends the connection, as any error of a callback
   */
  map<Value>(decode: (frame: Frame) => Value, encode: (value: Value) => Payload): Framing<Value, Value> {
    return new MappedFraming(this, decode, encode);
  }
}

class MappedFraming<Frame, Payload, Value> extends Framing<Value, Value> {
  readonly #framing: Framing<Frame, Payload>;
  readonly #decode: (frame: Frame) => Value;
  readonly #encode: (value: Value) => Payload;

  constructor(framing: Framing<Frame, Payload>, decode: (frame: Frame) => Value, encode: (value: Value) => Payload) {
    super();
    this.#framing = framing;
    this.#decode = decode;
    this.#encode = encode;
  }

  read(input: InputBuffer): Value | undefined {
    const frame = this.#framing.read(input);
    if (frame === undefined) return undefined;
    const decode = this.#decode;
    return decode(frame);
  }

  encode(value: Value): Buffer {
    const encode = this.#encode;
    return this.#framing.encode(encode(value));
  }
}

export function frameTooLong(bytes: string | number, maxLength: number): NetmuxError {
  return new NetmuxError('NETMUX_FRAME_TOO_LONG', `a frame of ${bytes} bytes, more than the ${maxLength} allowed`);
}

export function malformed(what: string): NetmuxError {
  return new NetmuxError('NETMUX_FRAME_MALFORMED', what);
}
