import { COMMAND_CAPACITY, CONTROL_WORDS, COUNTERS, OUTPUT_SLAB_BYTES, READ_SLAB_BYTES, RECORD_CAPACITY, WORDS } from './contract.js';

/**
 * The memory that an engine and the dispatcher share. Arrays by slot are reserved once for `maxHandles`; pages that
 * no connection has used yet cost address space only, so there is nothing to grow while a batch is under way.
 */
export interface SharedMemory {
  /** Slots 0 … maxHandles − 1. A full table is treated like a full descriptor table. */
  readonly maxHandles: number;
  /** `Control` words. */
  readonly control: Int32Array;
  /** [0] = milliseconds since the engine's origin at the start of the current group of callbacks. */
  readonly clock: Float64Array;
  /** The batch: `RECORD_CAPACITY` records. */
  readonly records: Int32Array;
  /** The ring: `COMMAND_CAPACITY` commands. */
  readonly commands: Int32Array;
  /** Where the core reads to. */
  readonly readSlab: Buffer;
  /** What JS writes, until the core sends it. */
  readonly outputSlab: Buffer;
  /** By slot: distinguishes its owners. */
  readonly generation: Int32Array;
  /** By slot: bytes written but not taken by the kernel yet, those in the ring included. */
  readonly unsent: Int32Array;
  /** By slot: when its timer is due, in whole milliseconds since the origin (wrapping); 0 = no timer. */
  readonly deadline: Int32Array;
  /** By slot: when the wheel looks at the slot next; 0 = not queued. */
  readonly wheelDue: Int32Array;
  /** By slot: `Interest` bits. */
  readonly interest: Uint8Array;
  /** By slot: [2 × slot] bytes received, [2 × slot + 1] bytes that the kernel has taken. */
  readonly traffic: Float64Array;
  /** `Counter` words. */
  readonly counters: Float64Array;
}

/**
 * @param maxHandles how many slots there are
 */
export function allocateSharedMemory(maxHandles: number): SharedMemory {
  return {
    maxHandles,
    control: new Int32Array(CONTROL_WORDS),
    clock: new Float64Array(1),
    records: new Int32Array(RECORD_CAPACITY * WORDS),
    commands: new Int32Array(COMMAND_CAPACITY * WORDS),
    // Views of the read slab reach users (`InputBuffer.view`). A shared buffer cannot be detached by `structuredClone`,
    // `postMessage` or `transfer`, which would pull the memory away under the core.
    readSlab: Buffer.from(new SharedArrayBuffer(READ_SLAB_BYTES)),
    outputSlab: Buffer.from(new ArrayBuffer(OUTPUT_SLAB_BYTES)),
    generation: new Int32Array(maxHandles),
    unsent: new Int32Array(maxHandles),
    deadline: new Int32Array(maxHandles),
    wheelDue: new Int32Array(maxHandles),
    interest: new Uint8Array(maxHandles),
    traffic: new Float64Array(2 * maxHandles),
    counters: new Float64Array(COUNTERS),
  };
}
