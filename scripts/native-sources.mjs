// What the tests and the fuzz targets of the core are linked with, as paths within native/.

/** The reactor with all that it consists of, but without Node. */
export const REACTOR = [
  'address_counts.cc',
  'admission.cc',
  'connect_retries.cc',
  'memory.cc',
  'outbox.cc',
  process.platform === 'darwin' ? 'poller_kqueue.cc' : 'poller_epoll.cc',
  'reactor.cc',
  'reactor_input.cc',
  'reactor_limits.cc',
  'reactor_output.cc',
  'reactor_slots.cc',
  'slot_table.cc',
  'socket_ops.cc',
  'system_calls.cc',
  'time_limits.cc',
  'timer_wheel.cc',
];

/** The same on a kernel of its own, which is hostile and plays the same for the same seed. */
export const HOSTILE = [
  ...REACTOR.filter((file) => !file.startsWith('poller_')),
  '../test/native/fault_kernel.cc',
  '../test/native/fault_poller.cc',
];
