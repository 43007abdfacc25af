import { NetmuxTypeError, shown } from '../errors.js';
import type { InputBuffer } from '../mux/input-buffer.js';
import { malformed } from './framing.js';

/** How a length is written in front of a frame: in so many bytes, or in as many as it needs. */
export type Prefix = 1 | 2 | 3 | 4 | 8 | 'varint';

const WIDTHS: readonly unknown[] = [1, 2, 3, 4, 8];

/** What 64 bits need in groups of seven. */
const MAX_VARINT_BYTES = 10;

const WORD = 2 ** 32;

/** One way to write lengths. */
export interface LengthCode {
  /** Bytes that the length at the beginning of the input takes; 0 while it is incomplete. */
  sizeIn(input: InputBuffer): number;
  /** The length that takes so many bytes. It is exact up to 2^53, which no limit allows. */
  valueIn(input: InputBuffer, size: number): number;
  /** Bytes that this length takes. @throws NetmuxTypeError where it has no place in them */
  sizeOf(length: number): number;
  write(frame: Buffer, length: number): void;
}

export function lengthCode(prefix: Prefix, littleEndian: boolean): LengthCode {
  if (prefix === 'varint') return varint;
  if (!WIDTHS.includes(prefix)) throw new NetmuxTypeError(`lengthPrefixed: prefix must be 1, 2, 3, 4, 8 or 'varint', not ${shown(prefix)}`);
  return new FixedWidth(prefix, littleEndian);
}

class FixedWidth implements LengthCode {
  readonly #bytes: Exclude<Prefix, 'varint'>;
  readonly #littleEndian: boolean;

  constructor(bytes: Exclude<Prefix, 'varint'>, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#littleEndian = littleEndian;
  }

  sizeIn(input: InputBuffer): number {
    return input.length >= this.#bytes ? this.#bytes : 0;
  }

  valueIn(input: InputBuffer): number {
    const isLittle = this.#littleEndian;
    switch (this.#bytes) {
      case 1:
        return input.readUInt8();
      case 2:
        return isLittle ? input.readUInt16LE() : input.readUInt16BE();
      case 3:
        return isLittle ? input.readUInt16LE() + input.readUInt8(2) * 0x10000 : input.readUInt16BE() * 0x100 + input.readUInt8(2);
      case 4:
        return isLittle ? input.readUInt32LE() : input.readUInt32BE();
      case 8:
        return isLittle ? input.readUInt32LE() + input.readUInt32LE(4) * WORD : input.readUInt32BE() * WORD + input.readUInt32BE(4);
    }
  }

  sizeOf(length: number): number {
    if (length < 256 ** this.#bytes) return this.#bytes;
    throw new NetmuxTypeError(`lengthPrefixed: ${length} has no place in ${this.#bytes} bytes`);
  }

  write(frame: Buffer, length: number): void {
    let rest = length;
    for (let place = 0; place < this.#bytes; place += 1) {
      frame[this.#littleEndian ? place : this.#bytes - 1 - place] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }
}

/** Seven bits in each byte, the lowest first; the eighth says that another one follows. */
const varint: LengthCode = {
  sizeIn(input) {
    for (let place = 0; place < MAX_VARINT_BYTES; place += 1) {
      const byte = input.at(place);
      if (byte === undefined) return 0;
      if (byte < 0x80) return place + 1;
    }
    throw malformed(`a varint of more than ${MAX_VARINT_BYTES} bytes`);
  },

  valueIn(input, size) {
    let value = 0;
    for (let place = size - 1; place >= 0; place -= 1) value = value * 0x80 + (input.at(place)! & 0x7f);
    return value;
  },

  sizeOf(length) {
    let size = 1;
    for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
    return size;
  },

  write(frame, length) {
    let place = 0;
    let rest = length;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) frame[place++] = 0x80 | (rest % 0x80);
    frame[place] = rest;
  },
};
