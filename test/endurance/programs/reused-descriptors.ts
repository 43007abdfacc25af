import { hostileKernel } from '../hostile-kernel.js';

export const reusedDescriptors = hostileKernel({
  name: 'reused-descriptors',
  number: 'T10',
  shows: 'a descriptor whose number is used again within a batch: no event reaches a wrong owner',
  counted: 'rounds',
  short: 2000,
  long: 1_000_000,
  figure: (count) => `${count} rounds, 0 events to a wrong owner`,
});
