/** The server of a program, in a process of its own: `host.js NAME FORM`, started by `ServerProcess`. */
import { getHeapStatistics } from 'node:v8';
import { Mux } from 'netmux';
import { type Form, Notes } from './program.js';
import { programs } from './programs.js';
import type { Report } from './server-process.js';

const [name, text] = process.argv.slice(2);
const program = programs.find((each) => each.name === name);
if (program?.server === undefined || process.send === undefined) throw new Error('this is started by run.js');

const notes = new Notes();
const form = JSON.parse(text!) as Form;
const plan = program.server(notes, form);
const mux = new Mux({ engine: form.engine, ...plan.mux, warn: () => notes.add('warnings') });
mux.setCallbackObject(plan.callbacks);

process.on('message', (word: string) => {
  if (word !== 'report') return plan.control?.(word, listener);
  globalThis.gc?.();
  // Nothing here may need a descriptor: some programs leave none.
  const { used_heap_size: heapBytes, total_physical_size: physicalBytes } = getHeapStatistics();
  const report: Report = { stats: mux.stats(), counts: notes.counts, heapBytes, idleHeapBytes: physicalBytes - heapBytes };
  process.send!(report);
});
// The attacker is gone.
process.on('disconnect', () => process.exit());

const listener = mux.listen({ host: '127.0.0.1', port: 0 });
void listener.ready.then(() => process.send!({ port: listener.localPort }));
await mux.loop();
