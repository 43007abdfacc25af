/**
 * netmux, sends back each line; three lines are orders about timers. `arm COUNT` gives an idle timer to the next COUNT connections,
 * `move COUNT` moves them later COUNT times, one connection after the other, inside this one callback, and tells the nanoseconds.
 * `late COUNT` gives COUNT connections a short one and tells how late these came.
 */
import { type Handle, Mux } from 'netmux';
import { Lateness, type LatenessFigures } from './lateness.js';

const IDLE_SECONDS = 600;

const mux = new Mux<() => void>();
const handles: Handle<() => void>[] = [];

let armed = 0;

function arm(count: number): number {
  const end = Math.min(armed + count, handles.length);
  while (armed < end) handles[armed++]!.setTimeout(IDLE_SECONDS);
  return armed;
}

function move(count: number): bigint {
  const begin = process.hrtime.bigint();
  for (let i = 0, at = 0; i < count; i++) {
    handles[at]!.setTimeout(IDLE_SECONDS);
    if (++at === armed) at = 0;
  }
  return process.hrtime.bigint() - begin;
}

/** Outside of callbacks: inside of one, time is that of its beginning. */
function late(count: number, done: (figures: LatenessFigures) => void): void {
  const lateness = new Lateness(count, done);
  setImmediate(() => {
    for (const [index, handle] of handles.slice(0, count).entries()) {
      const { delayMs, came } = lateness.next(index);
      handle.setTimeout(delayMs / 1000);
      handle.data = came;
    }
  });
}

mux.setCallbackObject({
  mux_connection(_mux, fh) {
    handles.push(fh);
  },
  mux_input(_mux, fh, data) {
    for (const line of data.lines()) {
      if (line.startsWith('arm ')) fh.write(`armed ${arm(Number(line.slice(4)))}\n`);
      else if (line.startsWith('move ')) fh.write(`moved ${move(Number(line.slice(5)))}\n`);
      else if (line.startsWith('late ')) late(Number(line.slice(5)), (figures) => fh.write(`late ${JSON.stringify(figures)}\n`));
      else fh.write(`${line}\n`);
    }
  },
  mux_timeout(_mux, fh) {
    if (fh.data === undefined) fh.close();
    else fh.data();
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
console.log(`listening on 127.0.0.1:${listener.localPort} (engine: ${mux.engine})`);
await mux.loop();
