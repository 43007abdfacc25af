// Each place where the core asks for memory is asked of in test/native/reactor_memory_test.cc, where each request fails once. That test counts
// the places that it has reached; this one counts those that there are.
import { expect, it } from 'vitest';
import { filesIn, read } from './sources.js';

/** Node's part: the addon's table of buffers is of no use without Node, and memory.cc is the heap itself. */
const NOT_THE_CORE = ['native/memory.cc', 'native/reference_table.cc'];

it('the n-th request for memory fails, for each n and every place that asks', () => {
  const places = filesIn('native', '.cc', '.h')
    .filter((file) => !NOT_THE_CORE.includes(file))
    .flatMap((file) => read(file).match(/\ballocator_?(\.|->)allocate(_zeroed)?\(/g) ?? []);
  const known = /kAskingPlaces = (\d+);/.exec(read('test/native/reactor_memory_test.cc'))?.[1];
  expect(places).toHaveLength(Number(known));
});
