// One build at a time in a checkout: `npm test` in two terminals must not run two makes in one build/.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './toolchain.mjs';

// A listening socket, since the kernel gives it up with its process, however that ends; a file with a process id in it would
// outlive a reboot and name a stranger. In the temporary folder, since the checkout may lie where sockets cannot, or too deep.
const LOCK = join(tmpdir(), `netmux-build-${createHash('sha256').update(root).digest('hex').slice(0, 16)}.sock`);

/** Runs `build` while no other process of this checkout does. */
export async function withBuildLock(build) {
  let lock = await take();
  while (lock === undefined) {
    await ownerGone();
    lock = await take();
  }
  try {
    return await build();
  } finally {
    await new Promise((resolve) => lock.close(resolve));
  }
}

/** `undefined`: somebody has it. */
async function take() {
  const server = createServer((socket) => socket.destroy());
  try {
    await once(server.listen(LOCK), 'listening');
    return server;
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

/** Being connected lasts until the owner has finished or died; nobody answering means that only the file is left. */
async function ownerGone() {
  const socket = connect(LOCK);
  try {
    await once(socket.resume(), 'close');
  } catch (error) {
    if (error.code === 'ECONNREFUSED') rmSync(LOCK, { force: true });
  }
}
