import { COMMAND_CAPACITY, CommandKind, Control, OUTPUT_SLAB_BYTES, REFERENCE_MIN_BYTES, WORDS } from '../native/contract.js';
import type { SharedMemory } from '../native/shared-memory.js';

/** What the ring asks of its engine; see `Engine` for each. */
export interface RingOwner {
  drain(): void;
  flush(): void;
  reference(buffer: Uint8Array): number;
}

/** Up to this many characters a loop in JS beats a call of `Buffer.write` (measured: 16 characters 42 against 95 ns). */
const SHORT_TEXT = 24;

/**
 * So many characters at most wait to be encoded in one call: sixteen lines of 64 characters take 37 against 104 ns each.
 * It is also by how much `unsent` may be short of the truth meanwhile, twice: characters are counted, not bytes.
 */
export const JOINED_CHARACTERS = 4096;

/** A character takes at most three bytes of UTF-8 (a surrogate pair is two characters and four bytes). */
const MAX_BYTES_PER_CHARACTER = 3;

/**
 * The writing end of the command ring and the output slab. Adjacent writes to one slot become one command, so a
 * callback that answers sixteen lines one by one costs one `send`. `unsent` counts what is appended here.
 *
 * Limits and permissions are the caller's: what arrives here is taken.
 */
export class CommandRing {
  readonly #commands: Int32Array;
  readonly #control: Int32Array;
  readonly #slab: Buffer;
  readonly #generation: Int32Array;
  readonly #unsent: Int32Array;
  readonly #owner: RingOwner;
  readonly #flush: () => void;
  /** Text that waits for more of the same slot, to be encoded with it. */
  #text = '';
  #textSlot = 0;
  #joins = false;
  /** Bytes of output appended so far, of all slots. */
  appended = 0;
  /** Called when what was appended outside a turn has been executed. */
  afterFlush: (() => void) | undefined;

  constructor(memory: SharedMemory, owner: RingOwner) {
    this.#commands = memory.commands;
    this.#control = memory.control;
    this.#slab = memory.outputSlab;
    this.#generation = memory.generation;
    this.#unsent = memory.unsent;
    this.#owner = owner;
    this.#flush = () => {
      owner.flush();
      this.afterFlush?.();
    };
  }

  /** A batch is dispatched from now on: nobody executes commands until `settle`, unless the ring asks for it. */
  join(): void {
    this.#joins = true;
  }

  /** Encodes what waits. Due before anybody executes what is in the ring; ends what `join` has begun. */
  settle(): void {
    this.encode();
    this.#joins = false;
  }

  /** Appends a command that carries no bytes. */
  command(kind: CommandKind, slot: number, a = 0, b = 0): void {
    this.encode();
    this.#append(kind, slot, a, b);
  }

  /**
   * Queues text as UTF-8, together with what follows it for the same slot. Until it is encoded `unsent` counts its characters.
   * (Halves of a surrogate pair, written one behind the other, may become whole; alone, each becomes U+FFFD.)
   */
  joinText(slot: number, text: string): void {
    const characters = text.length;
    if (!this.#joins || characters > JOINED_CHARACTERS || characters === 0) {
      this.writeText(slot, text);
      return;
    }
    if (slot !== this.#textSlot || this.#text.length + characters > JOINED_CHARACTERS) this.encode();
    this.#text += text;
    this.#textSlot = slot;
    this.#unsent[slot]! += characters;
    this.appended += characters;
  }

  /** Encodes what `joinText` has collected, so that `unsent` is exact. */
  encode(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    const slot = this.#textSlot;
    this.#unsent[slot]! -= text.length;
    this.appended -= text.length;
    this.writeText(slot, text);
  }

  /**
   * Queues text as UTF-8.
   * @returns how many bytes it took
   */
  writeText(slot: number, text: string): number {
    this.encode();
    const characters = text.length;
    const bound = characters * MAX_BYTES_PER_CHARACTER;
    if (bound > OUTPUT_SLAB_BYTES - this.#control[Control.OutputUsed]!) {
      if (bound > OUTPUT_SLAB_BYTES) {
        const bytes = Buffer.from(text, 'utf8');
        this.writeBytes(slot, bytes);
        return bytes.length;
      }
      this.#owner.drain();
    }
    const offset = this.#control[Control.OutputUsed]!;
    let length = 0;
    if (characters <= SHORT_TEXT) {
      const slab = this.#slab;
      while (length < characters) {
        const code = text.charCodeAt(length);
        if (code >= 0x80) break;
        slab[offset + length++] = code;
      }
    }
    if (length < characters) length = this.#slab.utf8Write(text, offset, bound);
    this.#control[Control.OutputUsed] = offset + length;
    this.#appendWrite(slot, offset, length);
    return length;
  }

  /**
   * Queues bytes: small ones are copied, from `REFERENCE_MIN_BYTES` on the caller's memory is sent as it is and must
   * not change until it is drained. Shared and resizable memory is always copied.
   */
  writeBytes(slot: number, bytes: Uint8Array): void {
    this.encode();
    const length = bytes.length;
    if (length >= REFERENCE_MIN_BYTES && isFixed(bytes.buffer)) {
      const reference = this.#owner.reference(bytes);
      this.#unsent[slot]! += length;
      this.appended += length;
      this.#append(CommandKind.WriteReference, slot, reference, length);
      return;
    }
    if (length > OUTPUT_SLAB_BYTES - this.#control[Control.OutputUsed]!) {
      this.#owner.drain();
      if (length > OUTPUT_SLAB_BYTES) {
        for (let at = 0; at < length; at += OUTPUT_SLAB_BYTES) {
          this.writeBytes(slot, bytes.subarray(at, at + OUTPUT_SLAB_BYTES));
        }
        return;
      }
    }
    const offset = this.#control[Control.OutputUsed]!;
    this.#slab.set(bytes, offset);
    this.#control[Control.OutputUsed] = offset + length;
    this.#appendWrite(slot, offset, length);
  }

  /** Queues bytes that lie in the read slab, without copying them. Valid while their own record is dispatched. */
  forward(slot: number, offset: number, length: number): void {
    this.encode();
    this.#unsent[slot]! += length;
    this.appended += length;
    this.#append(CommandKind.Forward, slot, offset, length);
  }

  /**
   * Queues one datagram.
   * @param block the address block, with its UNIX path if it has one
   */
  send(slot: number, block: Uint8Array, payload: Uint8Array): void {
    this.encode();
    const head = padded(block.length);
    if (padded(this.#control[Control.OutputUsed]!) + head + payload.length > OUTPUT_SLAB_BYTES) this.#owner.drain();
    const offset = padded(this.#control[Control.OutputUsed]!);
    this.#slab.set(block, offset);
    this.#slab.set(payload, offset + head);
    this.#control[Control.OutputUsed] = offset + head + payload.length;
    this.#append(CommandKind.Send, slot, offset, payload.length);
  }

  /** Whether output of this slot lies in the ring, which nobody has tried to send yet. */
  holdsOutputOf(slot: number): boolean {
    this.encode();
    for (let at = (this.#control[Control.CommandCount]! - 1) * WORDS; at >= 0; at -= WORDS) {
      const head = this.#commands[at]!;
      if (head >>> 8 === slot && (head & 0xff) <= CommandKind.WriteReference && this.#commands[at + 1] === this.#generation[slot])
        return true;
    }
    return false;
  }

  /**
   * A copy of the bytes that lie in the ring for this slot, behind the last `KillOutput`.
   * @param readSlab where forwarded bytes lie
   * @param referenced finds a referenced buffer by its number
   */
  pending(slot: number, readSlab: Buffer, referenced: (number: number) => Uint8Array): Buffer {
    this.encode();
    let parts: Uint8Array[] = [];
    const count = this.#control[Control.CommandCount]!;
    for (let at = 0; at < count * WORDS; at += WORDS) {
      const head = this.#commands[at]!;
      if (head >>> 8 !== slot || this.#commands[at + 1] !== this.#generation[slot]) continue;
      const a = this.#commands[at + 2]!;
      const b = this.#commands[at + 3]!;
      switch (head & 0xff) {
        case CommandKind.Write:
          parts.push(this.#slab.subarray(a, a + b));
          break;
        case CommandKind.Forward:
          parts.push(readSlab.subarray(a, a + b));
          break;
        case CommandKind.WriteReference:
          parts.push(referenced(a));
          break;
        case CommandKind.KillOutput:
          parts = [];
          break;
      }
    }
    return Buffer.concat(parts);
  }

  /** Joins a write with the command before it where both are of one slot and adjacent in the slab. */
  #appendWrite(slot: number, offset: number, length: number): void {
    this.#unsent[slot]! += length;
    this.appended += length;
    const last = (this.#control[Control.CommandCount]! - 1) * WORDS;
    if (
      last >= 0 &&
      this.#commands[last] === ((slot << 8) | CommandKind.Write) &&
      this.#commands[last + 1] === this.#generation[slot] &&
      this.#commands[last + 2]! + this.#commands[last + 3]! === offset
    ) {
      this.#commands[last + 3]! += length;
      return;
    }
    this.#append(CommandKind.Write, slot, offset, length);
  }

  #append(kind: CommandKind, slot: number, a: number, b: number): void {
    let count = this.#control[Control.CommandCount]!;
    if (count === 0 && this.#control[Control.InTurn] === 0) process.nextTick(this.#flush);
    const at = count * WORDS;
    this.#commands[at] = (slot << 8) | kind;
    this.#commands[at + 1] = this.#generation[slot]!;
    this.#commands[at + 2] = a;
    this.#commands[at + 3] = b;
    count += 1;
    this.#control[Control.CommandCount] = count;
    // Now and not before the next command: its bytes would lie in the output slab already, which a drain gives up.
    if (count === COMMAND_CAPACITY) this.#owner.drain();
  }
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Whether a view's memory can neither shrink, nor be written by another thread. */
function isFixed(memory: ArrayBufferLike): boolean {
  return memory instanceof ArrayBuffer && (memory as { resizable?: boolean }).resizable !== true;
}
