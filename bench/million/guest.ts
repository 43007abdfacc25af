/** The content of the guest: a kernel's first program, node with its libraries, and the built project. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '../toolchain.js';
import { Initramfs } from './initramfs.js';

const PROJECT = '/netmux';

/** Of the project: what runs, and what says that the load generator is up to date. */
const FILES =
  /^(dist\/.*\.[cm]?js|build\/Release\/netmux\.node|prebuilds\/.*\.node|out\/bench\/.*\.js|out\/bench\/native\/.*|(bench|native)\/.*\.(cc|h|go))$/;
const FOLDERS = ['dist', 'build/Release', 'prebuilds', 'out/bench', 'bench', 'native'];

const COMMAND_TIMEOUT_MS = 60_000;

/** Above the number of connections that a process may have, which the engine caps at 2^20. */
const DESCRIPTORS = 2_500_000;

/**
 * A port is chosen for each address of the load generator anew; the server's own must not be among them. Memory of TCP is not
 * limited: pages of 4 KiB, and 16 GiB of them are more than the guest has.
 */
const LIMITS = {
  'fs.nr_open': '3000000',
  'fs.file-max': '5000000',
  'net.ipv4.ip_local_port_range': '1024 65001',
  'net.core.somaxconn': '65535',
  'net.ipv4.tcp_mem': '4000000 5000000 6000000',
};

/** In front of the status with which the measurement ended. */
export const STATUS_MARK = 'million-status ';

function firstProgram(connections: number, messageBytes: number): string {
  const limits = Object.entries(LIMITS).map(([name, value]) => `echo "${value}" > /proc/sys/${name.replaceAll('.', '/')}`);
  return [
    '#!/bin/sh',
    '/bin/busybox --install -s /bin',
    'export PATH=/bin',
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    'mount -t devtmpfs devtmpfs /dev',
    'ip link set lo up',
    ...limits,
    `ulimit -n ${DESCRIPTORS}`,
    `cd ${PROJECT}`,
    'echo "the guest is up"',
    `/node/bin/node out/bench/million/measure.js ${connections} ${messageBytes}`,
    `echo "${STATUS_MARK}$?"`,
    'poweroff -f',
    '',
  ].join('\n');
}

/** Files that a program is linked with. @throws when it cannot be asked */
function libraries(program: string): string[] {
  const { status, stdout, stderr } = spawnSync('ldd', [program], { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
  if (status === 0) return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1]!);
  if (/not a dynamic executable|statically linked/.test(stdout + stderr)) return [];
  throw new Error(`ldd ${program}: ${stderr}`);
}

function projectFiles(): string[] {
  const below = FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  );
  return ['package.json', ...below.filter((file) => FILES.test(file))];
}

/** @param loadGenerator its path below the project's root is the same in the guest */
export function packGuest(busybox: string, loadGenerator: string, connections: number, messageBytes: number): Buffer {
  const disk = new Initramfs();
  for (const folder of ['/dev', '/proc', '/sys', '/tmp', '/bin']) disk.addDirectory(folder);
  // What the first program says goes there; /dev is mounted by that program.
  disk.addDevice('/dev/console', 5, 1);
  disk.addFile('/bin/busybox', readFileSync(busybox));
  disk.addLink('/bin/sh', 'busybox');
  disk.addFile('/init', firstProgram(connections, messageBytes));

  const files = projectFiles();
  const programs = [process.execPath, loadGenerator, ...files.filter((file) => file.endsWith('.node')).map((file) => join(ROOT, file))];
  disk.addFile('/node/bin/node', readFileSync(process.execPath));
  for (const library of new Set(programs.flatMap(libraries))) disk.addFile(library, readFileSync(realpathSync(library)));
  for (const file of files) {
    const path = join(ROOT, file);
    disk.addFile(`${PROJECT}/${file}`, readFileSync(path), statSync(path).mtime);
  }
  return disk.finish();
}
