// Moves a timer later a million times in a callback, as an idle timeout is, and prints what that took. Run with --expose-gc and
// with room for a million small objects before the first collection (--max-semi-space-size), so that none goes unseen.
import { once } from 'node:events';
import { connect } from 'node:net';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const { Control } = await import(new URL('native/contract.js', process.env.NETMUX_LIBRARY));
const { loadAddon } = await import(new URL('native/load.js', process.env.NETMUX_LIBRARY));
const moves = 1_000_000;
const warmUp = 200_000;

let crossings = 0;
let clocks = 0;
/** Counts the calls of all functions of an object. */
function watch(object, names, count) {
  for (const name of names) {
    const original = object[name];
    object[name] = (...args) => {
      count();
      return original.apply(object, args);
    };
  }
}
if (process.env.NETMUX_ENGINE === 'native') {
  const addon = loadAddon();
  watch(addon, Object.keys(addon), () => (crossings += 1));
}
watch(performance, ['now'], () => (clocks += 1));

const mux = new Mux();
const { control } = mux.dispatcher.engine.memory;
function move(fh, times) {
  for (let done = 0; done < times; done += 1) fh.setTimeout(60 + (done & 1023));
}
let phase = 0;
mux.setCallbackObject({
  mux_connection: (_, fh) => fh.setTimeout(60),
  mux_input(_, fh, data) {
    data.consume();
    phase += 1;
    if (phase === 1) {
      move(fh, warmUp);
      fh.write('warm');
      return;
    }
    globalThis.gc();
    const before = { commands: control[Control.CommandCount], crossings, clocks, bytes: process.memoryUsage().heapUsed };
    move(fh, moves);
    const bytes = process.memoryUsage().heapUsed - before.bytes;
    const commands = control[Control.CommandCount] - before.commands;
    console.log(
      JSON.stringify({ commands, crossings: crossings - before.crossings, clocks: clocks - before.clocks, bytesPerMove: bytes / moves }),
    );
    mux.endLoop();
  },
});
const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
const loop = mux.loop();
const client = connect({ host: '127.0.0.1', port: listener.localPort });
client.write('1');
await once(client, 'data');
client.write('2');
await loop;
client.destroy();
