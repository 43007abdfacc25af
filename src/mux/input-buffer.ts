import { NetmuxError, NetmuxTypeError, shown } from '../errors.js';
import { LineIterator } from './line-iterator.js';
import { decodeAscii } from './text.js';

/** Longest line and frame unless the caller says otherwise, in bytes: what a peer may make us keep without meaning to. */
export const DEFAULT_MAX_LENGTH = 64 * 1024;

/** So many bytes are searched by a loop: most lines end within them, and a view for `indexOf` costs as much as the loop. */
const NEAR_BYTES = 96;

/**
 * Lines that are asked for one behind the other are made into text together, so many bytes at a time, and cut from that
 * (measured: 64 bytes 25 against 108 ns). A line that is kept keeps the piece it was cut from: hence no more.
 */
const PIECE_BYTES = 2048;

/** Less than this is not worth the call. */
const LEAST_PIECE_BYTES = 48;

/** A piece ends with a line; that is looked for in its last bytes. Much longer lines gain nothing from being joined. */
const PIECE_TAIL_BYTES = 512;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Options of `readLine` and `lines`. */
export interface LineOptions {
  /** Bytes of a line, its end not counted; a longer one throws NETMUX_LINE_TOO_LONG. Default 65,536. */
  readonly maxLength?: number;
}

/** Options of `readFrame`. */
export interface FrameOptions {
  /** Bytes of a frame, its prefix not counted; a longer one throws NETMUX_FRAME_TOO_LONG. Default 65,536. */
  readonly maxLength?: number;
  /** Byte order of the prefix. Default false: network order. */
  readonly littleEndian?: boolean;
}

/**
 * The unread input of a connection, as a callback receives it: a buffer that is consumed from its left. What is not
 * consumed stays, and is presented again with the next bytes behind it.
 *
 * It is valid until the callback returns or first awaits; later every access throws NETMUX_INPUT_EXPIRED. Nothing is
 * copied but what is taken: `peek`, `take`, `readFrame` and the strings may be kept, `view` may not.
 *
 * The same object serves many callbacks. (IO::Multiplex: the reference to the input buffer.)
 */
export class InputBuffer {
  /** @internal Where the unread bytes lie, from `start` to `end`; null when nobody may read them. */
  bytes: Buffer | null = null;
  /** @internal */
  start = 0;
  /** @internal */
  end = 0;
  /** @internal What was searched for last … */
  sought: number | string = LINE_FEED;
  /** @internal … and does not begin before here: what was looked through is not looked through again. */
  scanned = 0;
  /** @internal Memory of the views given out, where they are copies that expire (NETMUX_DEBUG). */
  copies: ArrayBuffer[] | undefined;
  /** @internal Whether anybody ever got a view: where nobody did, no one can write one. */
  gaveViews = false;
  /** @internal The memory that views were given of, where it is not the one read slab that all of them share. */
  seen: WeakSet<ArrayBufferLike> | undefined;

  readonly #lines = new LineIterator(this);

  /** The text that was looked for last, and its bytes. */
  #needleText = '';
  #needle = Buffer.alloc(0);

  /** Where the line ended that was read last, if any of these bytes was read as a line. */
  #lineEnd = -1;
  /** The piece of text that lines are cut from, a character for each byte; empty where its bytes are not ASCII. */
  #piece = '';
  #pieceStart = 0;
  #pieceEnd = 0;

  /** Unread bytes. */
  get length(): number {
    if (this.bytes === null) throw expired();
    return this.end - this.start;
  }

  /**
   * Drops bytes from the left.
   * @param n default all
   * @throws NETMUX_INPUT_TOO_SHORT where there are not so many
   */
  consume(n = this.length): void {
    this.#require(n);
    this.start += n;
  }

  /** The byte at `index`, counted from the first unread one; undefined behind the end. */
  at(index: number): number | undefined {
    if (this.bytes === null) throw expired();
    const at = this.start + index;
    return index >= 0 && at < this.end ? this.bytes[at] : undefined;
  }

  /**
   * Where `needle` begins, or −1. Asking again for the same number or string when more bytes have come does not search
   * again through what was searched.
   * @param needle a byte, text (as UTF-8) or bytes
   * @param from where to begin
   */
  indexOf(needle: number | string | Uint8Array, from = 0): number {
    const bytes = this.#readable();
    if (!(from >= 0)) throw new NetmuxTypeError(`indexOf: from must be a number from 0 on, not ${shown(from)}`);
    if (typeof needle === 'number' && (needle & 0xff) !== needle) throw new NetmuxTypeError(`indexOf: ${needle} is not a byte`);
    const wanted = this.start + from;
    if (typeof needle === 'object') {
      const found = wanted > this.end ? -1 : bytes.subarray(wanted, this.end).indexOf(needle);
      return found === -1 ? -1 : from + found;
    }
    const known = this.sought === needle && this.scanned > this.start ? this.scanned : this.start;
    const at = Math.max(wanted, known);
    const found = typeof needle === 'number' ? this.#findByte(bytes, needle, at) : this.#findText(bytes, needle, at);
    if (wanted <= known) {
      this.sought = needle;
      // Text may begin in its last bytes and go on in what has not come yet.
      this.scanned = found !== -1 ? found : Math.max(at, this.end - (typeof needle === 'number' ? 0 : this.#needle.length - 1));
    }
    return found === -1 ? -1 : found - this.start;
  }

  /**
   * A copy of the first `n` unread bytes, which stay unread.
   * @param n default all
   * @throws NETMUX_INPUT_TOO_SHORT where there are not so many
   */
  peek(n = this.length): Buffer {
    this.#require(n);
    return copyOf(this.bytes!, this.start, n);
  }

  /**
   * A copy of the first `n` unread bytes, which are consumed: for what is to be kept after the callback.
   * @param n default all
   * @throws NETMUX_INPUT_TOO_SHORT where there are not so many
   */
  take(n = this.length): Buffer {
    const copy = this.peek(n);
    this.start += n;
    return copy;
  }

  /**
   * The first `n` unread bytes without a copy, consumed. Valid until the callback returns: the memory is used again
   * then. `fh.write(view)` during the callback sends it without a copy, too.
   * @param n default all
   * @throws NETMUX_INPUT_TOO_SHORT where there are not so many
   */
  view(n = this.length): Buffer {
    this.#require(n);
    const from = this.start;
    this.start += n;
    this.gaveViews = true;
    let view = this.bytes!.subarray(from, from + n);
    if (this.copies !== undefined) {
      const memory = new ArrayBuffer(n);
      view.copy(new Uint8Array(memory));
      view = Buffer.from(memory);
      this.copies.push(memory);
    }
    this.seen?.add(view.buffer);
    return view;
  }

  /**
   * The next line, consumed, as text without its LF or CRLF; undefined while it is incomplete.
   * @throws NETMUX_LINE_TOO_LONG; the line is not consumed
   */
  readLine(options?: LineOptions): string | undefined {
    return this.nextLine(options?.maxLength ?? DEFAULT_MAX_LENGTH);
  }

  /**
   * The complete lines, as `readLine` gives them. Each is consumed when it is yielded, so that a `break` loses none.
   * The iterator is one object, used again by the next call; so is what its `next()` returns.
   * Lines that come together are cut from a text they share: one that is kept for long keeps up to 2 KiB.
   */
  lines(options?: LineOptions): IterableIterator<string> {
    if (this.bytes === null) throw expired();
    return this.#lines.within(options?.maxLength ?? DEFAULT_MAX_LENGTH);
  }

  /**
   * The next frame of a length-prefixed protocol, a copy, consumed with its prefix; undefined while it is incomplete.
   * @param prefixBytes how many bytes hold the length; they do not count themselves
   * @throws NETMUX_FRAME_TOO_LONG as soon as the prefix is there; nothing is consumed
   */
  readFrame(prefixBytes: 1 | 2 | 4, options: FrameOptions = {}): Buffer | undefined {
    if (prefixBytes !== 1 && prefixBytes !== 2 && prefixBytes !== 4) {
      throw new NetmuxTypeError(`readFrame: prefixBytes must be 1, 2 or 4, not ${shown(prefixBytes)}`);
    }
    const bytes = this.#readable();
    const unread = this.end - this.start;
    if (unread < prefixBytes) return undefined;
    const size = options.littleEndian === true ? bytes.readUIntLE(this.start, prefixBytes) : bytes.readUIntBE(this.start, prefixBytes);
    const maxLength = options.maxLength ?? DEFAULT_MAX_LENGTH;
    if (size > maxLength) throw new NetmuxError('NETMUX_FRAME_TOO_LONG', `a frame of ${size} bytes, more than the ${maxLength} allowed`);
    if (unread < prefixBytes + size) return undefined;
    const frame = copyOf(bytes, this.start + prefixBytes, size);
    this.start += prefixBytes + size;
    return frame;
  }

  /**
   * A byte as a number, at an offset from the first unread one; not consumed. (`Buffer.readUInt8`)
   * @throws NETMUX_INPUT_TOO_SHORT where it has not come yet
   */
  readUInt8(offset = 0): number {
    const at = this.#place(offset, 1);
    return this.bytes![at]!;
  }

  /** 2 bytes as a number, in network order; else as `readUInt8`. */
  readUInt16BE(offset = 0): number {
    const at = this.#place(offset, 2);
    return this.bytes!.readUInt16BE(at);
  }

  /** 2 bytes as a number, lowest byte first; else as `readUInt8`. */
  readUInt16LE(offset = 0): number {
    const at = this.#place(offset, 2);
    return this.bytes!.readUInt16LE(at);
  }

  /** 4 bytes as a number, in network order; else as `readUInt8`. */
  readUInt32BE(offset = 0): number {
    const at = this.#place(offset, 4);
    return this.bytes!.readUInt32BE(at);
  }

  /** 4 bytes as a number, lowest byte first; else as `readUInt8`. */
  readUInt32LE(offset = 0): number {
    const at = this.#place(offset, 4);
    return this.bytes!.readUInt32LE(at);
  }

  /**
   * Unread bytes as text; not consumed.
   * @param start where the text begins, counted from the first unread byte
   * @param end where it ends; default at the end of the unread bytes
   */
  toString(encoding: BufferEncoding = 'utf8', start = 0, end = this.length): string {
    const bytes = this.#readable();
    const from = Math.min(this.start + Math.max(0, start), this.end);
    return bytes.toString(encoding, from, Math.max(from, Math.min(this.start + end, this.end)));
  }

  /** @internal `readLine`, without options to unpack. */
  nextLine(maxLength: number): string | undefined {
    const bytes = this.#readable();
    const { start, end } = this;
    if (start !== this.#lineEnd) {
      this.#piece = '';
      this.#pieceEnd = 0;
    } else {
      if (start >= this.#pieceEnd) this.#decodePiece(bytes, start);
      if (this.#piece !== '') return this.#cutLine(start - this.#pieceStart, maxLength);
    }
    const from = this.sought === LINE_FEED && this.scanned > start ? this.scanned : start;
    const near = Math.min(from + NEAR_BYTES, end);
    let bits = 0;
    let at = from;
    for (; at < near; at += 1) {
      const byte = bytes[at]!;
      if (byte === LINE_FEED) break;
      bits |= byte;
    }
    const isAscii = bits < 0x80 && from === start && at < near;
    if (at === near && at < end) {
      const found = bytes.subarray(at, end).indexOf(LINE_FEED);
      at = found === -1 ? end : at + found;
    }
    this.sought = LINE_FEED;
    this.scanned = at;
    const stop = at > start && bytes[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
    if (stop - start > maxLength) throw lineTooLong(maxLength);
    if (at === end) return undefined;
    this.start = at + 1;
    if (bits < 0x80 && end - at > LEAST_PIECE_BYTES) this.#lineEnd = at + 1;
    return isAscii ? decodeAscii(bytes, start, stop) : bytes.utf8Slice(start, stop);
  }

  /** @internal Shows the bytes of `bytes` from `start` to `end`. */
  present(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.sought = LINE_FEED;
    this.scanned = start;
    this.#lineEnd = -1;
  }

  /** @internal Ends the access; what was given out as a view in debug mode loses its memory. */
  seal(): void {
    this.bytes = null;
    if (this.copies === undefined) return;
    for (const copy of this.copies.splice(0)) structuredClone(copy, { transfer: [copy] });
  }

  /** Makes the whole lines that come next into one text. */
  #decodePiece(bytes: Buffer, from: number): void {
    const limit = Math.min(from + PIECE_BYTES, this.end);
    const tail = Math.max(from, limit - PIECE_TAIL_BYTES);
    let last = limit - 1;
    while (last >= tail && bytes[last] !== LINE_FEED) last -= 1;
    const text = last >= tail ? bytes.utf8Slice(from, last + 1) : '';
    // As many characters as bytes: each byte is one character, and so the text can be cut where the bytes end.
    const isCuttable = text !== '' && text.length === last + 1 - from;
    this.#piece = isCuttable ? text : '';
    this.#pieceStart = from;
    this.#pieceEnd = isCuttable ? last + 1 : this.end; // where it has failed once, it is not tried again
  }

  /** The line that begins at a character of the piece. */
  #cutLine(from: number, maxLength: number): string {
    const piece = this.#piece;
    const at = piece.indexOf('\n', from);
    const stop = at > from && piece.charCodeAt(at - 1) === CARRIAGE_RETURN ? at - 1 : at;
    if (stop - from > maxLength) throw lineTooLong(maxLength);
    this.start = this.#pieceStart + at + 1;
    this.#lineEnd = this.start;
    return piece.slice(from, stop);
  }

  #findByte(bytes: Buffer, byte: number, from: number): number {
    const near = Math.min(from + NEAR_BYTES, this.end);
    for (let at = from; at < near; at += 1) if (bytes[at] === byte) return at;
    if (near >= this.end) return -1;
    const found = bytes.subarray(near, this.end).indexOf(byte);
    return found === -1 ? -1 : near + found;
  }

  #findText(bytes: Buffer, text: string, from: number): number {
    if (text !== this.#needleText) {
      this.#needleText = text;
      this.#needle = Buffer.from(text);
    }
    const needle = this.#needle;
    const first = needle[0];
    const last = this.end - needle.length;
    const near = Math.min(from + NEAR_BYTES, last + 1);
    for (let at = from; at < near; at += 1) if (bytes[at] === first && matches(bytes, at, needle)) return at;
    if (near > last) return needle.length === 0 && from <= last ? from : -1;
    const found = bytes.subarray(near, this.end).indexOf(needle);
    return found === -1 ? -1 : near + found;
  }

  #readable(): Buffer {
    if (this.bytes === null) throw expired();
    return this.bytes;
  }

  /** Where a number of `size` bytes begins. */
  #place(offset: number, size: number): number {
    this.#require(offset); // what lies before the first unread byte is another client's, perhaps
    this.#require(offset + size);
    return this.start + offset;
  }

  #require(n: number): void {
    if (this.bytes === null) throw expired();
    if (n <= this.end - this.start && n >>> 0 === n) return;
    if (!Number.isInteger(n) || n < 0) throw new NetmuxTypeError(`a number of bytes must be a whole number from 0 on, not ${shown(n)}`);
    throw new NetmuxError('NETMUX_INPUT_TOO_SHORT', `${n} bytes asked for, ${this.end - this.start} are there`);
  }
}

function matches(bytes: Buffer, at: number, needle: Buffer): boolean {
  for (let i = 1; i < needle.length; i += 1) if (bytes[at + i] !== needle[i]) return false;
  return true;
}

function copyOf(bytes: Buffer, from: number, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length);
  bytes.copy(copy, 0, from, from + length);
  return copy;
}

function lineTooLong(maxLength: number): NetmuxError {
  return new NetmuxError('NETMUX_LINE_TOO_LONG', `a line of more than ${maxLength} bytes`);
}

function expired(): NetmuxError {
  return new NetmuxError(
    'NETMUX_INPUT_EXPIRED',
    'input can be read until the callback returns or first awaits; take() gives a copy to keep',
  );
}
