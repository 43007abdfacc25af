import type { InputBuffer } from './input-buffer.js';

/**
 * Up to this size what is left is kept as a string of one byte per character: 16 bytes cost 32 then, 208 as a Buffer.
 * It is searched again from its beginning when more comes; so little is not worth a scan cursor.
 */
const COMPACT_BYTES = 256;

/** Where a compact rest and one whole read stand together while a callback looks at them. */
const JOINT_BYTES = COMPACT_BYTES + 64 * 1024;

const MIN_BLOCK_BYTES = 1024;

/** A block of this size that has become nearly empty is given back; smaller ones are not worth the copy. */
const LARGE_BLOCK_BYTES = 64 * 1024;
const NEARLY_EMPTY = 8;

/** A longer rest: the bytes from `head` to `tail`, with room behind them. */
interface Block {
  bytes: Buffer;
  head: number;
  tail: number;
  /** The scan cursor of the input buffer. */
  sought: number | string;
  scanned: number;
}

/** What callbacks did not consume, by slot. Only connections with unread input have an entry. */
export class Leftovers {
  readonly #kept = new Map<number, string | Block>();
  readonly #joint = undetachable(JOINT_BYTES);

  /** Unread bytes of the slot. */
  length(slot: number): number {
    const kept = this.#kept.get(slot);
    if (kept === undefined) return 0;
    return typeof kept === 'string' ? kept.length : kept.tail - kept.head;
  }

  /** Shows what is kept and new bytes behind it, as one range. */
  presentWith(slot: number, input: InputBuffer, source: Buffer, offset: number, length: number): void {
    const kept = this.#kept.get(slot)!;
    if (typeof kept === 'string' && kept.length + length <= JOINT_BYTES) {
      this.#joint.latin1Write(kept, 0);
      source.copy(this.#joint, kept.length, offset, offset + length);
      input.present(this.#joint, 0, kept.length + length);
      return;
    }
    const block = typeof kept === 'string' ? this.#toBlock(slot, Buffer.from(kept, 'latin1')) : kept;
    makeRoom(block, length);
    source.copy(block.bytes, block.tail, offset, offset + length);
    block.tail += length;
    show(block, input);
  }

  /** Shows what is kept, which may be nothing. */
  present(slot: number, input: InputBuffer): void {
    const kept = this.#kept.get(slot);
    if (kept === undefined) input.present(this.#joint, 0, 0);
    else if (typeof kept === 'string') input.present(this.#joint, 0, this.#joint.latin1Write(kept, 0));
    else show(kept, input);
  }

  /**
   * Keeps what the callback left in the input.
   * @returns whether that is anything
   */
  keep(slot: number, input: InputBuffer): boolean {
    const { bytes, start, end } = input;
    const length = end - start;
    if (length <= COMPACT_BYTES) {
      if (length === 0) this.#kept.delete(slot);
      else this.#kept.set(slot, bytes!.latin1Slice(start, end));
      return length > 0;
    }
    let block = this.#kept.get(slot);
    if (typeof block !== 'object' || block.bytes !== bytes || isWasteful(block.bytes.length, length)) {
      block = this.#toBlock(slot, bytes!.subarray(start, end));
      block.scanned = input.scanned - start;
    } else {
      block.head = start;
      block.scanned = input.scanned;
    }
    block.sought = input.sought;
    return true;
  }

  /** A copy of what is kept. */
  copy(slot: number): Buffer {
    const kept = this.#kept.get(slot);
    if (kept === undefined) return Buffer.alloc(0);
    return typeof kept === 'string' ? Buffer.from(kept, 'latin1') : Buffer.from(kept.bytes.subarray(kept.head, kept.tail));
  }

  /** @returns whether anything is kept now */
  replace(slot: number, bytes: Uint8Array): boolean {
    if (bytes.length === 0) this.#kept.delete(slot);
    else this.#toBlock(slot, bytes);
    return bytes.length > 0;
  }

  /** Whether the memory serves one slot after the other, so that a view of it may show another's bytes by now. */
  isShared(memory: ArrayBufferLike): boolean {
    return memory === this.#joint.buffer;
  }

  drop(slot: number): void {
    this.#kept.delete(slot);
  }

  #toBlock(slot: number, content: Uint8Array): Block {
    const block = { bytes: allocate(content.length), head: 0, tail: content.length, sought: -1, scanned: 0 };
    block.bytes.set(content);
    this.#kept.set(slot, block);
    return block;
  }
}

function show(block: Block, input: InputBuffer): void {
  input.present(block.bytes, block.head, block.tail);
  input.sought = block.sought;
  input.scanned = block.scanned;
}

/** Room for `length` bytes behind the tail: by moving to the front where that frees half the block, else by doubling it. */
function makeRoom(block: Block, length: number): void {
  const { bytes, head, tail } = block;
  if (tail + length <= bytes.length) return;
  const unread = tail - head;
  if (unread + length <= bytes.length / 2) {
    bytes.copyWithin(0, head, tail);
  } else {
    block.bytes = allocate(Math.max(unread + length, bytes.length + 1));
    bytes.copy(block.bytes, 0, head, tail);
  }
  block.head = 0;
  block.tail = unread;
  block.scanned -= head;
}

function allocate(least: number): Buffer {
  let size = MIN_BLOCK_BYTES;
  while (size < least) size *= 2;
  return undetachable(size);
}

/** Users get views of this memory, and must not be able to pull it away from under the next callback: as the read slab. */
function undetachable(bytes: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(bytes));
}

function isWasteful(capacity: number, used: number): boolean {
  return capacity >= LARGE_BLOCK_BYTES && used < capacity / NEARLY_EMPTY;
}
