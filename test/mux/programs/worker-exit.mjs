// Runs exit-stage.mjs as a worker for each stage, a few at a time; the main thread must outlive all and end with 0.
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const [way, ...stages] = process.argv.slice(2);

async function runStages() {
  for (let stage = stages.shift(); stage !== undefined; stage = stages.shift()) {
    const worker = new Worker(fileURLToPath(new URL('./exit-stage.mjs', import.meta.url)), { workerData: [stage, way] });
    let thrown;
    worker.on('error', (error) => {
      thrown = error;
    });
    const code = await new Promise((resolve) => worker.once('exit', resolve));
    if (code !== (way === 'exit' ? 0 : 1) || (thrown?.message === 'on purpose') !== (way === 'throw')) {
      console.log(`${stage}: the worker ended with ${code}, ${thrown}`);
    }
  }
}

await Promise.all([runStages(), runStages(), runStages()]);
console.log('ok');
