// Lets so many clients come, each entering a store of its own, and go; prints how many of the stores are still there.
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const connections = Number(process.argv[2]);
const atOnce = 50;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const storage = new AsyncLocalStorage();
const stores = [];
const handles = [];
let wrong = 0;
let closed = 0;
const mux = new Mux({ asyncContext: 'connection' });
mux.setCallbackObject({
  mux_connection(_, fh) {
    if (storage.getStore() !== undefined) wrong += 1;
    const store = { number: stores.length };
    stores.push(new WeakRef(store));
    handles.push(fh); // a handle that is kept must not keep its store
    fh.data = store.number;
    storage.enterWith(store);
  },
  mux_input(_, fh, data) {
    if (storage.getStore()?.number !== fh.data) wrong += 1;
    fh.write(data.take());
  },
  mux_close(_, fh) {
    if (storage.getStore()?.number !== fh.data) wrong += 1;
    closed += 1;
  },
});
const directory = mkdtempSync(join(tmpdir(), 'netmux-'));
const path = join(directory, 's'); // a UNIX socket: 10,000 ports would rest for a minute
await mux.listen({ path }).ready;
const loop = mux.loop();
async function visit() {
  const socket = connect({ path });
  socket.end('text');
  socket.resume();
  await once(socket, 'close');
}
for (let done = 0; done < connections; done += atOnce) await Promise.all(Array.from({ length: atOnce }, visit));
while (closed < connections) await sleep(1);
if (wrong > 0) throw new Error(`${wrong} callbacks saw another store than their own`);
for (let round = 0; round < 5; round += 1) {
  collectGarbage();
  await sleep(1);
}
console.log(stores.filter((store) => store.deref() !== undefined).length);
mux.endLoop();
await loop;
rmSync(directory, { recursive: true });
if (handles.length !== connections) throw new Error('not all have come');
