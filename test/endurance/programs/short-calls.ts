import { hostileKernel } from '../hostile-kernel.js';

export const shortCalls = hostileKernel({
  name: 'short-calls',
  number: 'T12',
  shows: 'one to seven bytes in each call, interrupted, refused and doubled: what is sent comes back byte by byte, in order, with its end',
  counted: 'seeds',
  short: 5,
  long: 10_000,
  figure: (count) => `${count} seeds, 64 KiB each there and back, and ${count} × 5 storms of connections that break`,
});
