/** What docs/architecture.md says a connection costs, "Memory of a connection", as far as it is JavaScript's. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { Mux } from '../../src/index.js';
import { Handle } from '../../src/mux/handle.js';
import { InputBuffer } from '../../src/mux/input-buffer.js';
import { Leftovers } from '../../src/mux/leftovers.js';
import { allocateSharedMemory } from '../../src/native/shared-memory.js';

const MANY = 100_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of heap for each of many; what `make` returns lives until they are counted. */
function heapBytesOfEach(make: () => unknown): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const made = make();
  collectGarbage();
  const bytes = process.memoryUsage().heapUsed - before;
  expect(made).toBeDefined();
  return bytes / MANY;
}

it('a handle and its place in the table cost 64 bytes', () => {
  const mux = new Mux({ engine: 'node' });
  const handles: Handle[] = [];
  for (let slot = 0; slot < 100; slot += 1) handles.push(new Handle(slot, mux)); // V8 finds out how large they are
  const bytes = heapBytesOfEach(() => Array.from({ length: MANY }, (_, slot) => new Handle(slot, mux)));
  expect(bytes).toBeGreaterThan(60);
  expect(bytes).toBeLessThan(68);
});

it('a rest of 16 bytes is kept in less than half of what a Buffer takes', () => {
  const buffers = heapBytesOfEach(() => new Map(Array.from({ length: MANY }, (_, slot) => [slot, Buffer.alloc(16)])));
  const leftovers = new Leftovers();
  const rests = heapBytesOfEach(() => {
    const input = new InputBuffer();
    const received = Buffer.from('0123456789abcdef, which was consumed');
    for (let slot = 0; slot < MANY; slot += 1) {
      input.present(received, 0, 16);
      leftovers.keep(slot, input);
    }
    return leftovers;
  });
  expect(leftovers.copy(MANY - 1).toString()).toBe('0123456789abcdef');
  expect(rests).toBeLessThan(buffers / 2);
});

it('a rest that is consumed costs nothing any more', () => {
  const leftovers = new Leftovers();
  const bytes = heapBytesOfEach(() => {
    const input = new InputBuffer();
    for (const size of [1000, 0]) {
      for (let slot = 0; slot < MANY; slot += 1) {
        input.present(Buffer.alloc(size, 'x'), 0, size);
        leftovers.keep(slot, input);
      }
    }
    return leftovers;
  });
  expect(bytes).toBeLessThan(40); // the Map's own table, which has grown
});

it('a slot has 33 bytes of shared words', () => {
  const few = 64;
  const bytes = (maxHandles: number) =>
    Object.values(allocateSharedMemory(maxHandles)).reduce((sum, array) => sum + (array.byteLength ?? 0), 0);
  expect((bytes(2 * few) - bytes(few)) / few).toBe(33);
});
