/** `netmux doctor`: what it finds, what it says to change, and its exit code. */
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Check, capacityOf, checksOf } from '../../src/cli/checks.js';
import { type Machine, ofLinux, ofMacOs } from '../../src/cli/machine.js';
import { engines } from '../engines.js';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';
import { startCommand } from './command.js';

const MIB = 1024 * 1024;

/** A machine for which nothing is to be said. */
const FIT: Machine = {
  platform: 'linux',
  kernel: '6.1.0',
  arch: 'x64',
  node: '20.17.0',
  engine: { name: 'native', maxHandles: 2 ** 20 },
  descriptors: 2 ** 20,
  mostDescriptors: 2 ** 20,
  openFiles: { most: 4_000_000, used: 1_000 },
  memory: 64 * 1024 * MIB,
  backlog: 4096,
  synBacklog: 4096,
  hasSynCookies: true,
  localPorts: { first: 32_768, last: 60_999 },
  tcpPages: 4_000_000,
  conntrack: { most: 2_000_000, used: 10 },
  clock: 'tsc',
  isCommitStrict: false,
};

function verdicts(machine: Machine, wanted: number): Record<string, Check> {
  const bad = checksOf(machine, wanted).filter(({ verdict }) => verdict !== 'ok');
  return Object.fromEntries(bad.map((check) => [check.name, check]));
}

function linesOf(check: Check | undefined): string[] {
  return check?.change?.flatMap(({ lines }) => lines) ?? [];
}

describe('the checks', () => {
  it('have nothing to say of a machine that is fit', () => {
    expect(verdicts(FIT, 1_000_000)).toEqual({});
    expect(capacityOf(checksOf(FIT, 1))).toEqual({ connections: 2 ** 20 - 64, limit: 'engine' });
  });

  it('say nothing of what could not be found out', () => {
    const { platform, kernel, arch, node, engine, memory } = FIT;
    expect(checksOf({ platform, kernel, arch, node, engine, memory }, 1).map(({ name }) => name)).toEqual(['Node.js', 'engine', 'memory']);
  });

  it.each<[string, Partial<Machine>, verdict: string, carries: number | undefined, lines: string[]]>([
    [
      'descriptors',
      { descriptors: 1024, engine: { name: 'native', maxHandles: 1024 } },
      'low',
      960,
      ['LimitNOFILE=131072', '* - nofile 131072', 'root - nofile 131072', 'docker run --ulimit nofile=131072 …', 'ulimit -n 131072'],
    ],
    ['fs.file-max', { openFiles: { most: 100_000, used: 90_000 } }, 'low', 9_936, ['sysctl -w fs.file-max=524288']],
    ['memory', { memory: 45 * MIB }, 'low', 10_240, []],
    [
      'net.netfilter.nf_conntrack_max',
      { conntrack: { most: 65_536, used: 36 } },
      'low',
      65_500,
      ['sysctl -w net.netfilter.nf_conntrack_max=262144'],
    ],
    ['engine', { engine: { name: 'node', maxHandles: 2 ** 17 } }, 'warning', 131_008, ['unset NETMUX_ENGINE']],
    [
      'engine',
      { engine: { name: 'node', maxHandles: 2 ** 16, failure: 'no such file' } },
      'low',
      65_472,
      ['npm ci && npm pack', '--reuse_port'],
    ],
    ['net.ipv4.tcp_mem', { tcpPages: 99_999 }, 'warning', undefined, ['sysctl -w net.ipv4.tcp_mem="131072 196608 262144"']],
    ['net.core.somaxconn', { backlog: 128 }, 'warning', undefined, ['sysctl -w net.core.somaxconn=4096']],
    [
      'net.ipv4.tcp_max_syn_backlog',
      { synBacklog: 512, hasSynCookies: false },
      'warning',
      undefined,
      ['sysctl -w net.ipv4.tcp_syncookies=1', 'sysctl -w net.ipv4.tcp_max_syn_backlog=4096'],
    ],
    ['clock', { clock: 'hpet' }, 'warning', undefined, ['clocksource=tsc']],
    ['vm.overcommit_memory', { isCommitStrict: true }, 'warning', undefined, ['sysctl -w vm.overcommit_memory=0']],
    ['Node.js', { node: '20.9.0' }, 'warning', undefined, []],
  ])('find fault with %s (%j) and say what to do', (name, difference, verdict, carries, lines) => {
    const machine = { ...FIT, ...difference };
    const found = verdicts(machine, 100_000);
    expect(Object.keys(found)).toEqual([name]);
    expect(found[name]).toMatchObject({ verdict, why: expect.any(String) });
    expect(found[name]!.carries).toBe(carries);
    expect(linesOf(found[name])).toEqual(expect.arrayContaining(lines));
    // What limits is also what is said to limit.
    if (verdict === 'low') expect(capacityOf(checksOf(machine, 100_000))).toEqual({ connections: carries, limit: name });
  });

  it('raise the ceiling of a limit first, where that is lower', () => {
    const [first] = linesOf(
      verdicts({ ...FIT, descriptors: 1024, mostDescriptors: 65_536, engine: { name: 'native', maxHandles: 1024 } }, 100_000).descriptors,
    );
    expect(first).toBe('sysctl -w fs.nr_open=131072');
  });

  it('ask for more processes where one cannot have so many', () => {
    expect(linesOf(verdicts({ ...FIT, memory: 2 ** 40, openFiles: { most: 2 ** 40, used: 0 } }, 2_000_000).engine)).toEqual([
      '--reuse_port',
    ]);
  });

  it('do not count what the firewall does not track', () => {
    expect(verdicts({ ...FIT, conntrack: { most: 10, used: 0 } }, 1_000)).toEqual({});
  });

  it('name the parameters of macOS there', () => {
    const mac: Machine = {
      ...FIT,
      platform: 'darwin',
      descriptors: 256,
      mostDescriptors: 61_440,
      openFiles: { most: 122_880, used: 0 },
      backlog: 128,
      engine: { name: 'native', maxHandles: 256 },
    };
    const found = verdicts(mac, 200_000);
    expect(linesOf(found.descriptors)).toEqual([
      'sysctl -w kern.maxfilesperproc=262144',
      'launchctl limit maxfiles 262144 262144',
      'ulimit -n 262144',
    ]);
    expect(linesOf(found['kern.maxfiles'])).toEqual(['sysctl -w kern.maxfiles=524288']);
    expect(linesOf(found['kern.ipc.somaxconn'])).toEqual(['sysctl -w kern.ipc.somaxconn=4096']);
  });
});

describe('what the kernel says', () => {
  it('is understood (Linux)', () => {
    const text: Record<string, string> = {
      'fs.file-nr': '1504\t0\t9223372036854775807',
      'fs.file-max': '9223372036854775807',
      'fs.nr_open': '1048576',
      'net.core.somaxconn': '128',
      'net.ipv4.ip_local_port_range': '1024\t65535',
      'net.ipv4.tcp_mem': '10\t20\t30',
      'net.ipv4.tcp_syncookies': '0',
      'net.ipv4.tcp_max_syn_backlog': '256',
      'net.netfilter.nf_conntrack_max': '65536',
      'net.netfilter.nf_conntrack_count': '7',
      'vm.overcommit_memory': '2',
    };
    const found = ofLinux((name) => text[name]);
    expect(found).toMatchObject({
      openFiles: { most: 2 ** 63, used: 1504 },
      mostDescriptors: 1_048_576,
      backlog: 128,
      localPorts: { first: 1024, last: 65_535 },
      tcpPages: 30,
      hasSynCookies: false,
      synBacklog: 256,
      conntrack: { most: 65_536, used: 7 },
      isCommitStrict: true,
    });
    expect(checksOf({ ...FIT, ...found }, 1).find(({ name }) => name === 'fs.file-max')?.found).toContain('unlimited');
  });

  it('is understood (macOS)', () => {
    const text: Record<string, string> = {
      'kern.maxfiles': '122880',
      'kern.num_files': '9000',
      'kern.maxfilesperproc': '61440',
      'kern.ipc.somaxconn': '128',
    };
    expect(ofMacOs((name) => text[name])).toEqual({
      openFiles: { most: 122_880, used: 9_000 },
      mostDescriptors: 61_440,
      backlog: 128,
      localPorts: undefined,
    });
  });

  it('may be nothing', () => {
    expect(checksOf({ ...FIT, ...ofLinux(() => undefined), ...ofMacOs(() => undefined) }, 1)).toBeInstanceOf(Array);
  });
});

/** Starts the command under a limit of descriptors. */
function doctorUnder(descriptors: number, ...words: string[]): ChildProgram {
  const env = programEnvironment('native');
  const command = fileURLToPath(new URL('cli/netmux.js', env.NETMUX_LIBRARY));
  const shell = [`ulimit -n ${descriptors} && exec "$0" "$@"`, process.execPath, command, 'doctor', ...words];
  return new ChildProgram(spawn('/bin/sh', ['-c', ...shell], { stdio: ['ignore', 'pipe', 'pipe'], env }));
}

describe('netmux doctor', () => {
  it('says that this machine is fit for one connection, status 0', async () => {
    const { code, stdout, stderr } = await startCommand(['doctor', '--connections=1'], {}, 'node').ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^netmux \d+\.\d+\.\d+ on \S+ \S+: fit for 1 connections of one process\?\n\nok {4}Node\.js /);
    expect(stdout).toMatch(/\nAs it stands it carries [\d,]+ connections; .+ is the limit that is reached first\.\nIt is fit for 1\.\n$/);
  });

  it.skipIf(!engines.includes('native'))('finds a low limit of descriptors, says the lines that raise it, status 1', async () => {
    const { code, stdout } = await doctorUnder(500, '--connections', '1000').ending();
    expect(code).toBe(1);
    expect(stdout).toMatch(/\nLOW {3}descriptors +at most 500 for a process.*: 436 connections\n/);
    expect(stdout).toContain('          LimitNOFILE=2048\n');
    expect(stdout).toMatch(
      /As it stands it carries 436 connections; descriptors is the limit that is reached first\.\nIt is not fit for 1,000: see what is marked LOW\.\n$/,
    );
  });

  it.skipIf(!engines.includes('native'))('--json: the same for programs', async () => {
    const { code, stdout } = await doctorUnder(500, '--json').ending();
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      wanted: 10_000,
      carries: 436,
      limit: 'descriptors',
      fit: false,
      machine: { descriptors: 500, engine: { name: 'native' } },
    });
    expect(report.checks.find(({ name }: Check) => name === 'descriptors')).toMatchObject({
      verdict: 'low',
      carries: 436,
      change: expect.any(Array),
    });
  });

  it.runIf(process.platform === 'linux')('reads what sysctl reads', async () => {
    const { stdout } = await startCommand(['doctor', '--json']).ending();
    const { machine } = JSON.parse(stdout) as { machine: Machine };
    const shell = (command: string) => execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' }).trim();
    expect(machine.backlog).toBe(Number(shell('cat /proc/sys/net/core/somaxconn')));
    expect(machine.mostDescriptors).toBe(Number(shell('cat /proc/sys/fs/nr_open')));
    expect(machine.descriptors ?? 'unlimited').toBe(Number(shell('ulimit -H -n')));
  });

  it('refuses an engine that does not exist in one line', async () => {
    const { code, stderr } = await startCommand(['doctor'], { env: { NETMUX_ENGINE: 'bogus' } }).ending();
    expect({ code, stderr }).toEqual({ code: 1, stderr: "netmux: NETMUX_ENGINE is 'native', 'node' or 'auto', not 'bogus'\n" });
  });
});
