import type { Program } from './program.js';
import { admission } from './programs/admission.js';
import { blockingCallback } from './programs/blocking-callback.js';
import { churn } from './programs/churn.js';
import { clockJumps } from './programs/clock-jumps.js';
import { descriptors } from './programs/descriptors.js';
import { drain } from './programs/drain.js';
import { floodingPeer } from './programs/flooding-peer.js';
import { gigabyte } from './programs/gigabyte.js';
import { halfClose } from './programs/half-close.js';
import { idle } from './programs/idle.js';
import { memoryReturns } from './programs/memory-returns.js';
import { neverReading } from './programs/never-reading.js';
import { pausedListener } from './programs/paused-listener.js';
import { resetStorm } from './programs/reset-storm.js';
import { restart } from './programs/restart.js';
import { slowloris } from './programs/slowloris.js';
import { soak } from './programs/soak.js';
import { staleCalls } from './programs/stale-calls.js';
import { threads } from './programs/threads.js';
import { throwingCallbacks } from './programs/throwing-callbacks.js';
import { timersAtOnce } from './programs/timers-at-once.js';

/** All programs, in the order in which they are run. */
export const programs: readonly Program[] = [
  churn,
  idle,
  descriptors,
  slowloris,
  neverReading,
  resetStorm,
  admission,
  pausedListener,
  floodingPeer,
  blockingCallback,
  throwingCallbacks,
  staleCalls,
  timersAtOnce,
  gigabyte,
  halfClose,
  memoryReturns,
  clockJumps,
  restart,
  drain,
  threads,
  soak,
];
