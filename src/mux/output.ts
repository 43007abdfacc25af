import { isUint8Array } from 'node:util/types';
import { encodeAddress } from '../engine/address.js';
import { JOINED_CHARACTERS } from '../engine/command-ring.js';
import { type Address, AddressFamily, CommandKind, type CommandRing, type Engine, REFERENCE_MIN_BYTES } from '../engine/engine.js';
import { NetmuxError, NetmuxTypeError } from '../errors.js';
import { datagramAddress } from './datagram-address.js';
import { isWritable, SlotState, Writing } from './half-close.js';
import type { DatagramAddress, Handle } from './handle.js';
import { InputBuffer } from './input-buffer.js';
import type { Lifecycle } from './lifecycle.js';
import { Origin, type Slots } from './slots.js';

/** What `write` answers instead of a number of bytes. */
export const REFUSED = -1;

/** A character of a string takes at most three bytes of UTF-8. */
const MAX_BYTES_PER_CHARACTER = 3;

/** So many more bytes may be unsent than are counted, while text waits to be encoded. */
const UNCOUNTED_BYTES = JOINED_CHARACTERS * (MAX_BYTES_PER_CHARACTER - 1);

/** What IPv4 leaves of 64 KiB beside its own header and UDP's. */
const MAX_DATAGRAM_BYTES = 65_507;

const CONNECTED_PEER = encodeAddress(undefined);

/** Who may write how much. What passes goes to the command ring, which does the rest. */
export class Output {
  readonly #slots: Slots;
  readonly #lifecycle: Lifecycle;
  readonly #engine: Engine;
  readonly #ring: CommandRing;
  readonly #state: Uint8Array;
  readonly #unsent: Int32Array;
  /** Where datagram sockets are bound, of those that have sent: asking the kernel each time would cost as much as sending. */
  readonly #local = new WeakMap<Handle, Address | undefined>();

  constructor(slots: Slots, lifecycle: Lifecycle) {
    this.#slots = slots;
    this.#lifecycle = lifecycle;
    this.#engine = slots.engine;
    this.#ring = slots.ring;
    this.#state = slots.state;
    this.#unsent = slots.memory.unsent;
  }

  isWritable(handle: Handle): boolean {
    if (handle.slot < 0) return this.#slots.pending.get(handle)?.output?.isOpen ?? false;
    const state = this.#state[handle.slot]!;
    return isWritable(state) && (state & SlotState.KindMask) !== SlotState.Listener;
  }

  /** @returns whether it was taken and there is room for more */
  writeLikeStream(handle: Handle, data: string | Uint8Array | InputBuffer): boolean {
    const { slot } = handle;
    const { settings } = handle.mux;
    if (typeof data === 'string' && slot >= 0 && isOpenStream(this.#state[slot]!)) {
      const counted = this.#unsent[slot]! + UNCOUNTED_BYTES + data.length * MAX_BYTES_PER_CHARACTER;
      if (counted <= settings.maxOutbuffer) {
        this.#ring.joinText(slot, data);
        return counted <= settings.highWaterMark || this.queued(handle) <= settings.highWaterMark;
      }
    }
    return this.write(handle, data) !== REFUSED && this.queued(handle) <= settings.highWaterMark;
  }

  /** Bytes written that the kernel has not taken yet. */
  queued(handle: Handle): number {
    this.#ring.encode();
    if (handle.slot >= 0) return this.#unsent[handle.slot]!;
    return this.#slots.pending.get(handle)?.output?.length ?? 0;
  }

  /** @returns the bytes taken, or `REFUSED` */
  write(handle: Handle, data: string | Uint8Array | InputBuffer): number {
    const { slot } = handle;
    if (slot < 0) return this.#writeEarly(handle, data);
    const state = this.#state[slot]!;
    if (!isOpenStream(state)) {
      if ((state & SlotState.KindMask) !== SlotState.Datagram) return REFUSED;
      return this.#sendTo(handle, data, this.#lastSender(slot));
    }
    this.#ring.encode(); // the limit is judged to the byte
    if (typeof data === 'string') {
      const queued = this.#unsent[slot]!;
      const room = handle.mux.settings.maxOutbuffer - queued;
      if (data.length * MAX_BYTES_PER_CHARACTER > room && !this.#admits(handle, Buffer.byteLength(data), queued)) return REFUSED;
      return this.#ring.writeText(slot, data);
    }
    return this.#writeBytes(handle, data);
  }

  /** @returns whether it was handed over */
  send(handle: Handle, data: string | Uint8Array | InputBuffer, address: DatagramAddress): boolean {
    if (handle.slot < 0 || (this.#state[handle.slot]! & SlotState.KindMask) !== SlotState.Datagram) return false;
    return this.#sendTo(handle, data, encodeAddress(datagramAddress(address, this.#localOf(handle)))) !== REFUSED;
  }

  /** A copy of the unsent output of a handle, after its replacement, which is sent. */
  outbuffer(handle: Handle, replacement: Uint8Array | undefined): Buffer {
    const { slot } = handle;
    if (replacement !== undefined && this.isWritable(handle)) {
      this.kill(handle);
      if (replacement.length > 0) this.write(handle, replacement);
    }
    return slot >= 0 ? this.#unsentBytes(slot) : (this.#slots.pending.get(handle)?.output?.copy() ?? Buffer.alloc(0));
  }

  /** Drops what is unsent. A shutdown that waits for it happens then. */
  kill(handle: Handle): void {
    const { slot } = handle;
    if (slot < 0) this.#slots.pending.get(handle)?.output?.drop();
    if (slot < 0 || this.#unsent[slot] === 0) return;
    this.#ring.command(CommandKind.KillOutput, slot);
    this.#unsent[slot] = 0;
  }

  #unsentBytes(slot: number): Buffer {
    const engine = this.#engine;
    const queued = this.#ring.pending(slot, engine.readSlab, (number) => engine.referenced(number));
    // Where the ring holds all that counts as unsent, the outbox was killed or is empty.
    return queued.length >= this.#unsent[slot]! ? queued : Buffer.concat([engine.outbox(slot), queued]);
  }

  /** What is written before a connection is established waits for it. */
  #writeEarly(handle: Handle, data: string | Uint8Array | InputBuffer): number {
    const output = this.#slots.pending.get(handle)?.output;
    if (output === undefined || !output.isOpen) return REFUSED;
    const bytes = typeof data === 'string' ? Buffer.from(data) : this.#bytesOf(data);
    if (!this.#admits(handle, bytes.length, output.length)) return REFUSED;
    output.add(bytes);
    return bytes.length;
  }

  #writeBytes(handle: Handle, data: Uint8Array | InputBuffer): number {
    const { slot } = handle;
    if (data instanceof InputBuffer && data.bytes === this.#engine.readSlab) {
      const { length } = data;
      if (!this.#admits(handle, length, this.#unsent[slot]!)) return REFUSED;
      this.#ring.forward(slot, data.start, length);
      return length;
    }
    const bytes = data instanceof InputBuffer ? unreadOf(data) : data;
    const origin = data instanceof InputBuffer ? Origin.Input : this.#originOf(data);
    const { length } = bytes;
    if (!this.#admits(handle, length, this.#unsent[slot]!)) return REFUSED;
    if (origin >= 0) this.#ring.forward(slot, origin, length);
    else if (origin === Origin.Input && length >= REFERENCE_MIN_BYTES) this.#ring.writeBytes(slot, Buffer.from(bytes));
    else this.#ring.writeBytes(slot, bytes); // copies the shorter ones
    return length;
  }

  #localOf(handle: Handle): Address | undefined {
    if (!this.#local.has(handle)) this.#local.set(handle, this.#engine.address(handle.slot, 'local'));
    return this.#local.get(handle);
  }

  /** Where a datagram without an address goes: to the last sender, or to whom the socket is connected. */
  #lastSender(slot: number): Uint8Array | undefined {
    const sender = this.#slots.peers.get(slot);
    if (sender !== undefined && sender[0] !== AddressFamily.None) return sender;
    return this.#engine.address(slot, 'remote') === undefined ? undefined : CONNECTED_PEER;
  }

  #sendTo(handle: Handle, data: string | Uint8Array | InputBuffer, block: Uint8Array | undefined): number {
    const { slot } = handle;
    if (block === undefined || !isWritable(this.#state[slot]!)) return REFUSED;
    const payload = typeof data === 'string' ? Buffer.from(data) : this.#bytesOf(data);
    if (payload.length > MAX_DATAGRAM_BYTES) {
      throw new NetmuxTypeError(`a datagram has at most ${MAX_DATAGRAM_BYTES} bytes, not ${payload.length}`);
    }
    this.#ring.send(slot, block, payload);
    return payload.length;
  }

  /** @throws NETMUX_INPUT_EXPIRED for input of a callback that is over */
  #bytesOf(data: Uint8Array | InputBuffer): Uint8Array {
    if (data instanceof InputBuffer) return unreadOf(data);
    this.#originOf(data);
    return data;
  }

  /** Whose the bytes are, when they may be written at all. */
  #originOf(data: Uint8Array): number {
    if (!isUint8Array(data)) throw new NetmuxTypeError('write: data must be a string, a Uint8Array or an InputBuffer');
    const origin = this.#slots.originOf(data);
    if (origin === Origin.Expired) {
      throw new NetmuxError('NETMUX_INPUT_EXPIRED', 'write: a view of input can be written until its callback returns');
    }
    if (data.length === 0 && isDetached(data)) {
      throw new NetmuxError('NETMUX_BUFFER_DETACHED', 'write: the buffer was transferred before it was written');
    }
    return origin;
  }

  /** Whether so many bytes fit below the limit beside those that are queued; if not, its policy is carried out. */
  #admits(handle: Handle, bytes: number, queued: number): boolean {
    const { maxOutbuffer, outbufferPolicy } = handle.mux.settings;
    if (bytes <= maxOutbuffer - queued) return true;
    const { slot } = handle;
    // What this group of callbacks has written waits for its end, and not for the peer: it is tried first.
    if (bytes <= maxOutbuffer && slot >= 0 && this.#ring.holdsOutputOf(slot)) {
      this.#engine.drain();
      queued = this.#unsent[slot]!;
      if (bytes <= maxOutbuffer - queued) return true;
    }
    const verdict = typeof outbufferPolicy === 'function' ? outbufferPolicy(handle, bytes) : outbufferPolicy;
    if (handle.slot !== slot) return false; // the policy has closed it
    if (verdict === 'drop') {
      handle.mux.run.totals.dropped += 1;
      this.#slots.dropped.set(handle, (this.#slots.dropped.get(handle) ?? 0) + 1);
    } else {
      const message = `${bytes} bytes to write while ${queued} wait: more than the ${maxOutbuffer} of maxOutbuffer`;
      this.#lifecycle.exceeded(handle, 'outbuffer', new NetmuxError('NETMUX_OUTBUFFER_LIMIT', message));
    }
    return false;
  }
}

/** @throws NETMUX_INPUT_EXPIRED */
function unreadOf(input: InputBuffer): Uint8Array {
  const unread = input.length;
  return input.bytes!.subarray(input.start, input.start + unread);
}

function isOpenStream(state: number): boolean {
  return (state & (SlotState.WritingMask | SlotState.KindMask)) === (Writing.Open | SlotState.Stream);
}

/** Whether the memory of a view was transferred. Node 20 has no name for that; only making another view tells it from an empty one. */
function isDetached(view: Uint8Array): boolean {
  try {
    new Uint8Array(view.buffer);
    return false;
  } catch {
    return true;
  }
}
