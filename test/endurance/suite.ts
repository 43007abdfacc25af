/** What is shown by tests that run with each change, by its number. A test sees to it that each of them exists. */
export interface ShownByTest {
  readonly number: string;
  readonly shows: string;
  readonly file: string;
  /** The test's title, or how it begins. */
  readonly title: string;
}

export const shownByTests: readonly ShownByTest[] = [
  {
    number: 'T08',
    shows: 'accept4 fails with each error it has: the listener is never lost',
    file: 'test/mux/injected-faults.test.ts',
    title: 'accept4 fails with ',
  },
  {
    number: 'T09',
    shows: 'an application that opens files until there are none left, in a callback, keeps nobody out for longer than it has them',
    file: 'test/mux/descriptor-limit.test.ts',
    title: 'an application that takes the last ones itself, in a callback, keeps nobody out for longer than it has them (T09)',
  },
  {
    number: 'T10',
    shows: 'no event of a descriptor whose number is used again reaches another owner; 20,000 rounds, 1,000,000 in test:deep',
    file: 'test/native/fault_kernel_test.cc',
    title: 'nobody gets an event of another one, whose descriptor number was used again at once',
  },
  {
    number: 'T11',
    shows: 'no descriptor is left to a child',
    file: 'test/mux/inherited-descriptors.test.ts',
    title: 'gets no descriptor of the server (T11)',
  },
  {
    number: 'T12',
    shows: 'one to seven bytes a call: byte-exact; 20 seeds, 10,000 in test:deep',
    file: 'test/native/fault_kernel_test.cc',
    title: 'one to seven bytes in every call, and every nuisance: 64 KB come back byte by byte, in order, with their end',
  },
  {
    number: 'T13',
    shows: 'half of all calls interrupted, half of all readiness wrong: no empty input, two calls an event',
    file: 'test/native/fault_kernel_test.cc',
    title: 'half of all calls interrupted, half of all readiness wrong: two calls an event on average, and no empty input',
  },
  {
    number: 'T14',
    shows: 'a hangup under a paused reader wakes nobody twice',
    file: 'test/native/reactor_input_test.cc',
    title: 'a reset while reading is paused wakes nobody twice, and is reported after resume',
  },
  {
    number: 'T14',
    shows: 'the same with output queued',
    file: 'test/native/reactor_input_test.cc',
    title: 'a reset under a paused connection that has unsent output fails the output, and is no spin',
  },
  {
    number: 'T14',
    shows: 'states of a connection × what can happen: the callbacks that are documented, and no others',
    file: 'test/mux/half-close.test.ts',
    title: '%s: when %s → %j',
  },
  {
    number: 'T17',
    shows: '10,000 writes of one callback leave in their order, in at most four calls of the kernel',
    file: 'test/mux/write-flood.test.ts',
    title: '10,000 of 16 bytes leave in at most four calls, in their order (T17)',
  },
  {
    number: 'T19',
    shows: 'frames are the same however they are cut',
    file: 'test/framing/framing.test.ts',
    title: 'reads what it has written, cut in pieces in every possible way',
  },
  {
    number: 'T19',
    shows: 'a frame that is too long is refused as soon as it is certain',
    file: 'test/framing/framing.test.ts',
    title: 'takes a frame of exactly the maximum, and refuses one byte more as soon as it is certain',
  },
  {
    number: 'T20',
    shows: 'the wheel against a sorted set, a million steps of a clock that is played',
    file: 'test/native/timer_wheel_random_test.cc',
    title: 'a wheel of many slots does what a sorted set does, a million times',
  },
  {
    number: 'T26',
    shows: 'peers whose network is cut are given up by keep-alive and by userTimeout, at their time',
    file: 'test/mux/half-open.test.ts',
    title: 'are given up when keep-alive or userTimeout says so, not before, and the handles are free (T26)',
  },
  {
    number: 'T32',
    shows: 'in every callback itself, others and all may be closed',
    file: 'test/mux/reentrancy.test.ts',
    title: '%s closes %s',
  },
  {
    number: 'T32',
    shows: 'every method may be called inside every callback',
    file: 'test/mux/method-matrix.test.ts',
    title: 'works inside %s',
  },
  {
    number: 'T34',
    shows: 'a callback that blocks for 100 ms is seen in mux.stats()',
    file: 'test/mux/loop-lag.test.ts',
    title: 'is seen in the figures of the loop (T34)',
  },
  {
    number: 'T41',
    shows: 'privileges are dropped for good',
    file: 'test/server/daemon-identity.test.ts',
    title: 'becomes nobody for good: no way back, no privileges left, in no thread (T41)',
  },
  {
    number: 'T42',
    shows: 'sockets of a service manager are taken over with their names',
    file: 'test/server/systemd.test.ts',
    title: 'hands over the sockets with their names, once, and to no child (T42)',
  },
  {
    number: 'T43',
    shows: 'the n-th request for memory fails, for each n: nothing leaks, one connection at most pays',
    file: 'test/native/reactor_memory_test.cc',
    title: 'whichever request for memory fails, one connection at most pays for it and nothing leaks',
  },
  {
    number: 'T43',
    shows: 'the same on a hostile kernel',
    file: 'test/native/fault_kernel_test.cc',
    title: 'whichever request for memory fails on a hostile kernel, nothing leaks and others are served',
  },
  {
    number: 'T45',
    shows: 'scripts of all kinds: each engine does what the reference says',
    file: 'test/model/model.test.ts',
    title: 'on the %s engine',
  },
];
