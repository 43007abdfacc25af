/**
 * Requests of the Redis protocol (RESP 2), found where they lie in the input: reading one makes no string and no array, so
 * that a PING costs nothing but looking at its 14 bytes.
 *
 *     *2\r\n$3\r\nGET\r\n$3\r\nkey\r\n     an array of bulk strings, as clients send it
 *     GET key\r\n                          an inline request, as a person types it (no quoting)
 */
import type { InputBuffer } from 'netmux';

/** Arguments of a request, its name included: what DEL may need, and little enough to look at again when the rest arrives. */
const MAX_ARGUMENTS = 1024;

/** Bytes of an argument. Redis takes 512 MiB; a store that is an example need not. */
const MAX_ARGUMENT_BYTES = 1024 * 1024;

/** Bytes of a whole request: one value of full size and what goes with it. */
const MAX_REQUEST_BYTES = 2 * MAX_ARGUMENT_BYTES;

/** Bytes of an inline request, as in Redis. */
const MAX_INLINE_BYTES = 64 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DOLLAR = 0x24;
const ASTERISK = 0x2a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** Turns an ASCII capital into its small letter. */
const SMALL_LETTER = 0x20;

/** What the peer sends is not RESP; nothing after it can be understood. */
export class ProtocolError extends Error {}

/**
 * The request at the left end of an input. A server needs one of these in all: it is about the request that is being answered.
 * Arguments count from 0, which is the request's name.
 */
export class Request {
  /** Arguments; 0 for an empty line. */
  count = 0;
  private readonly starts = new Int32Array(MAX_ARGUMENTS);
  private readonly ends = new Int32Array(MAX_ARGUMENTS);
  /** Where the request ends. */
  private length = 0;
  /** Where `number` goes on reading. */
  private position = 0;
  private data!: InputBuffer; // as of `read`

  /**
   * Looks for a whole request. Consumes nothing.
   * @returns false: the rest of it has not arrived
   * @throws ProtocolError
   */
  read(data: InputBuffer): boolean {
    this.data = data;
    const first = data.at(0);
    if (first === undefined) return false;
    return first === ASTERISK ? this.readArray(data) : this.readInline(data);
  }

  /** Whether an argument is this word, in capitals or not; `word` has small letters. */
  is(index: number, word: string): boolean {
    const start = this.start(index);
    if (this.end(index) - start !== word.length) return false;
    for (let i = 0; i < word.length; i += 1) {
      if (((this.data.at(start + i) ?? 0) | SMALL_LETTER) !== word.charCodeAt(i)) return false;
    }
    return true;
  }

  /** An argument as a string with one character for each byte. */
  text(index: number): string {
    return this.data.toString('latin1', this.start(index), this.end(index));
  }

  /** An argument as bytes that may be kept. What lies before it is gone then. */
  take(index: number): Buffer {
    return this.data.take(this.moveTo(index));
  }

  /** An argument as bytes that may be written, not kept: they lie where they were received. What lies before it is gone then. */
  view(index: number): Buffer {
    return this.data.view(this.moveTo(index));
  }

  /** Consumes the request, or what is left of it. */
  consume(): void {
    this.data.consume(this.length);
  }

  private start(index: number): number {
    return this.starts[index] ?? 0;
  }

  private end(index: number): number {
    return this.ends[index] ?? 0;
  }

  /** Makes an argument the left end of the input. Returns its size; the caller consumes that much. */
  private moveTo(index: number): number {
    this.data.consume(this.start(index));
    this.length -= this.end(index);
    return this.end(index) - this.start(index);
  }

  private readArray(data: InputBuffer): boolean {
    this.position = 1;
    const count = this.number(data, MAX_ARGUMENTS, 'invalid multibulk length');
    if (count < 0) return false;
    for (let i = 0; i < count; i += 1) {
      const type = data.at(this.position);
      if (type === undefined) return false;
      if (type !== DOLLAR) throw new ProtocolError(`expected '$', got '${printable(type)}'`);
      this.position += 1;
      const size = this.number(data, MAX_ARGUMENT_BYTES, 'invalid bulk length');
      if (size < 0) return false;
      const end = this.position + size;
      if (end > MAX_REQUEST_BYTES) throw new ProtocolError('too big request');
      this.starts[i] = this.position;
      this.ends[i] = end;
      this.position = end + 2;
      if (data.length < this.position) return false;
      if (data.at(end) !== CR || data.at(end + 1) !== LF) throw new ProtocolError('expected CRLF after bulk string');
    }
    this.count = count;
    this.length = this.position;
    return true;
  }

  /** The number up to the next CRLF, which is skipped; −1: its end has not arrived. */
  private number(data: InputBuffer, limit: number, complaint: string): number {
    let position = this.position;
    let value = 0;
    let byte = data.at(position);
    if (byte === CR) throw new ProtocolError(complaint);
    while (byte !== CR) {
      if (byte === undefined) return -1;
      if (byte < DIGIT_0 || byte > DIGIT_9) throw new ProtocolError(complaint);
      value = value * 10 + byte - DIGIT_0;
      if (value > limit) throw new ProtocolError(complaint);
      position += 1;
      byte = data.at(position);
    }
    const next = data.at(position + 1);
    if (next === undefined) return -1;
    if (next !== LF) throw new ProtocolError(complaint);
    this.position = position + 2;
    return value;
  }

  private readInline(data: InputBuffer): boolean {
    const end = data.indexOf('\n');
    if (end > MAX_INLINE_BYTES || (end < 0 && data.length > MAX_INLINE_BYTES)) throw new ProtocolError('too big inline request');
    if (end < 0) return false;
    this.count = 0;
    this.length = end + 1;
    let position = 0;
    while (position < end) {
      while (position < end && isBlank(data.at(position))) position += 1;
      const start = position;
      while (position < end && !isBlank(data.at(position))) position += 1;
      if (position === start) break;
      if (this.count === MAX_ARGUMENTS) throw new ProtocolError('too many arguments');
      this.starts[this.count] = start;
      this.ends[this.count] = position;
      this.count += 1;
    }
    return true;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === undefined || byte <= SPACE;
}

function printable(byte: number): string {
  return byte > SPACE && byte < 0x7f ? String.fromCharCode(byte) : '?';
}
