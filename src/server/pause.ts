/**
 * Stops this thread, and with it the event loop. Only for moments in which there is nothing to wait for in the loop: another process is
 * about to let go of something.
 */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
