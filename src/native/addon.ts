import { loadAddon } from './load.js';
import type { SharedMemory } from './shared-memory.js';

/**
 * The functions of the native addon: the whole boundary besides the shared memory. One reactor per environment (the
 * main thread or a worker). Numbers below zero are −errno; a wrong argument throws a `TypeError`.
 */
export interface NativeAddon {
  /** How many slots to reserve: the hard limit of descriptors, at most 2^20. */
  maxHandles(): number;
  /**
   * Makes the reactor of this environment. From then on `dispatch(count)` is called with each batch.
   * @returns 0 or −errno
   */
  open(memory: SharedMemory, dispatch: (count: number) => void): number;
  /** Milliseconds since the origin of the wheel's clock. */
  now(): number;
  /** A listening or bound socket. @returns its slot */
  listen(block: Uint8Array, backlog: number, flags: number, readSize: number, mode: number, tuning: Int32Array): number;
  /** Begins to connect. @returns the slot */
  connect(block: Uint8Array, flags: number, readSize: number, tuning: Int32Array): number;
  /** Sets the limits of a listener, by `LimitWord`, and its exempt blocks. @returns 0 or −errno */
  limit(slot: number, words: Float64Array, exempt: Uint8Array): number;
  /** Writes how many connections a listener has refused, by `Refusal`. */
  refused(slot: number, counts: Float64Array): void;
  /** Takes over a descriptor. @returns `kind * MAX_HANDLES_LIMIT + slot` */
  adopt(descriptor: number, readSize: number): number;
  /** Sets options of TCP on a listener that was adopted. @returns 0 or −errno */
  tune(slot: number, flags: number, tuning: Int32Array): number;
  /** Forgets a slot. @returns its descriptor */
  release(slot: number): number;
  /** Writes an address block (up to 132 bytes) into `block`. @returns its length */
  address(slot: number, remote: boolean, block: Uint8Array): number;
  /** @returns the descriptor, −1 for a slot that is not in use */
  descriptor(slot: number): number;
  /** How many connections wait for their peer's end before they are closed. */
  lingering(): number;
  /** A copy of the slot's outbox; −EFAULT if a referenced buffer has vanished. */
  unsentOutput(slot: number): Buffer | number;
  /** Keeps a buffer until it is sent. @returns its number, −1 if there is no memory */
  reference(buffer: Uint8Array): number;
  referenced(reference: number): Uint8Array | undefined;
  setReferenced(on: boolean): void;
  drain(): void;
  flush(): void;

  // The calls of native/process_calls.h, which need no reactor. 0 unless another result is named.
  changeRoot(path: string): number;
  /** Returns only after a failure. */
  replaceProcess(file: string, args: string[], environment: string[]): number;
  lockFile(descriptor: number): number;
  setCloseOnExec(descriptor: number, on: boolean): number;
  /** @returns the new descriptor */
  duplicate(descriptor: number): number;
  redirect(descriptor: number, target: number): number;
  /** @returns the descriptor of a datagram socket that is connected to the address of `block` */
  openDatagram(block: Uint8Array): number;
  findUser(name: string): [user: number, group: number] | number;
  /** @returns the number of the group */
  findGroup(name: string): number;
}

/** @throws NetmuxError `NETMUX_NO_NATIVE` */
export function loadNativeAddon(): NativeAddon {
  return loadAddon() as NativeAddon;
}
