import { constants } from 'node:os';
import { NetmuxError, systemError } from '../errors.js';
import { loadNativeAddon, type NativeAddon } from '../native/addon.js';
import {
  ADDRESS_BYTES,
  CloseMode,
  CommandKind,
  HandleKind,
  MAX_HANDLES_LIMIT,
  REFUSALS,
  SocketFlag,
  TUNING_WORDS,
} from '../native/contract.js';
import { allocateSharedMemory, type SharedMemory } from '../native/shared-memory.js';
import { type Address, decodeAddress, encodeAddress, MAX_PATH_BYTES, subjectOf } from './address.js';
import { CommandRing } from './command-ring.js';
import { DEFAULT_BACKLOG, DEFAULT_READ_SIZE, type Engine, type Opened, type SocketOptions } from './engine.js';

/** Leaves a UNIX socket file's mode to the umask. */
const MODE_BY_UMASK = -1;

const UNTUNED = new Int32Array(TUNING_WORDS);

/** The C++ reactor behind the `Engine` interface. All work happens in the addon; this class gives names to numbers. */
class NativeEngine implements Engine {
  readonly name = 'native';
  readonly memory: SharedMemory;
  readonly ring: CommandRing;
  readonly readSlab: Buffer;
  readonly #addon: NativeAddon;
  /** What `performance.now()` shows when the reactor's clock shows 0; both count the same monotonic nanoseconds. */
  #origin = 0;
  readonly #block = Buffer.alloc(ADDRESS_BYTES + MAX_PATH_BYTES + 1);

  constructor(addon: NativeAddon) {
    this.#addon = addon;
    this.memory = allocateSharedMemory(addon.maxHandles());
    this.readSlab = this.memory.readSlab;
    this.ring = new CommandRing(this.memory, this);
  }

  attach(dispatch: (count: number) => void): void {
    const error = this.#addon.open(this.memory, dispatch);
    if (error < 0) throw systemError(error, 'open the reactor');
    this.#origin = performance.now() - this.#addon.now();
  }

  async listen(address: Address, options: SocketOptions): Promise<number> {
    return this.#bound('listen', address, options, flagsOf(options));
  }

  async bind(address: Address, options: SocketOptions): Promise<number> {
    return this.#bound('bind', address, options, flagsOf(options) | SocketFlag.Datagram);
  }

  connect(address: Address, options: SocketOptions): number {
    const slot = this.#addon.connect(
      encodeAddress(address),
      flagsOf(options),
      options.readSize ?? DEFAULT_READ_SIZE,
      options.tuning ?? UNTUNED,
    );
    if (slot < 0) throw systemError(slot, 'connect', subjectOf(address));
    return slot;
  }

  adopt(descriptor: number, options: SocketOptions): Opened {
    const found = this.#addon.adopt(descriptor, options.readSize ?? DEFAULT_READ_SIZE);
    if (found === -constants.errno.EPERM) {
      throw new NetmuxError(
        'NETMUX_NOT_POLLABLE',
        `descriptor ${descriptor} cannot be waited for: a regular file, a directory or a device without readiness`,
      );
    }
    if (found < 0) throw systemError(found, 'add', { address: `descriptor ${descriptor}` });
    const opened = { slot: found % MAX_HANDLES_LIMIT, kind: Math.floor(found / MAX_HANDLES_LIMIT) };
    if (options.limits === undefined || opened.kind !== HandleKind.Listener) return opened;
    const error = this.#addon.limit(opened.slot, options.limits.words, options.limits.exempt);
    if (error === 0) return opened;
    this.release(opened.slot);
    throw systemError(error, 'add', { address: `descriptor ${descriptor}` });
  }

  refused(slot: number): Float64Array {
    const counts = new Float64Array(REFUSALS);
    this.#addon.refused(slot, counts);
    return counts;
  }

  adoptListener(descriptor: number, options: SocketOptions): Opened {
    const opened = this.adopt(descriptor, options);
    if (opened.kind !== HandleKind.Listener) return opened;
    const error = this.#addon.tune(opened.slot, flagsOf(options), options.tuning ?? UNTUNED);
    if (error === 0) return opened;
    this.release(opened.slot);
    throw systemError(error, 'listen', { address: `descriptor ${descriptor}` });
  }

  release(slot: number): number {
    return this.#addon.release(slot);
  }

  address(slot: number, side: 'local' | 'remote'): Address | undefined {
    return this.#addon.address(slot, side === 'remote', this.#block) < 0 ? undefined : decodeAddress(this.#block);
  }

  descriptor(slot: number): number {
    return this.#addon.descriptor(slot);
  }

  get lingering(): number {
    return this.#addon.lingering();
  }

  outbox(slot: number): Buffer {
    const copy = this.#addon.unsentOutput(slot);
    if (typeof copy === 'number')
      throw new NetmuxError('NETMUX_BUFFER_DETACHED', 'a buffer that was written was detached before it was sent');
    return copy;
  }

  reference(buffer: Uint8Array): number {
    const reference = this.#addon.reference(buffer);
    if (reference < 0) throw systemError(-constants.errno.ENOMEM, 'write');
    return reference;
  }

  referenced(reference: number): Uint8Array {
    return this.#addon.referenced(reference) ?? new Uint8Array();
  }

  now(): number {
    return performance.now() - this.#origin;
  }

  setReferenced(on: boolean): void {
    this.#addon.setReferenced(on);
  }

  drain(): void {
    this.#addon.drain();
  }

  flush(): void {
    this.#addon.flush();
  }

  #bound(syscall: string, address: Address, options: SocketOptions, flags: number): number {
    const slot = this.#addon.listen(
      encodeAddress(address),
      options.backlog ?? DEFAULT_BACKLOG,
      flags,
      options.readSize ?? DEFAULT_READ_SIZE,
      options.mode ?? MODE_BY_UMASK,
      options.tuning ?? UNTUNED,
    );
    if (slot === -constants.errno.ENOTSOCK && address.family === 'unix') {
      throw new NetmuxError('NETMUX_PATH_IN_USE', `${address.path} exists and is not a socket: it is left alone`);
    }
    if (slot < 0) throw systemError(slot, syscall, subjectOf(address));
    if (options.limits === undefined || (flags & SocketFlag.Datagram) !== 0) return slot;
    const error = this.#addon.limit(slot, options.limits.words, options.limits.exempt);
    if (error === 0) return slot;
    this.ring.command(CommandKind.Close, slot, CloseMode.Abort);
    throw systemError(error, syscall, subjectOf(address));
  }
}

/** @throws NetmuxError `NETMUX_NO_NATIVE`, naming every file tried and why it did not load */
export function createNativeEngine(): Engine {
  return new NativeEngine(loadNativeAddon());
}

function flagsOf(options: SocketOptions): number {
  let flags = 0;
  if (options.ipv6Only === true) flags |= SocketFlag.V6Only;
  if (options.reusePort === true) flags |= SocketFlag.ReusePort;
  if (options.noDelay !== false) flags |= SocketFlag.NoDelay;
  if (options.keepAlive === true) flags |= SocketFlag.KeepAlive;
  if (options.broadcast === true) flags |= SocketFlag.Broadcast;
  return flags;
}
