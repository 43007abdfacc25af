/** The system calls that Node lacks: replacing the program, descriptors, locks, datagrams. */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  changeRoot,
  duplicate,
  findGroup,
  findUser,
  lockFile,
  openDatagram,
  redirect,
  setCloseOnExec,
} from '../../src/mux/process-calls.js';
import { engines } from '../engines.js';
import { Peer } from '../mux/peer.js';
import { temporaryDirectory } from '../mux/scene.js';
import { isRoot, startDaemonProgram } from './daemon-program.js';
import { DatagramReceiver } from './datagram-receiver.js';

const hasAddon = engines.includes('native');
const describeCalls = describe.skipIf(!hasAddon);

/** A descriptor that is closed after the test. */
function opened(path: string, flags = 'r'): number {
  return closing(openSync(path, flags));
}

function closing(descriptor: number): number {
  onTestFinished(() => closeSync(descriptor));
  return descriptor;
}

describeCalls('replacing the program', () => {
  it('keeps the process id and the listening socket, with the connections in its queue', async () => {
    const program = startDaemonProgram('exec', ['first'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const port = Number(await program.line('first'));
    const before = await Peer.connect(port);
    expect((await before.end()).text).toBe(`first ${program.process.pid}`);
    program.process.stdin!.end();
    await program.line('busy');
    const waiting = await Peer.connect(port);
    expect((await waiting.end()).text).toBe(`second ${program.process.pid}`);
    const seen = JSON.parse(await program.line('second')) as object;
    expect(seen).toEqual({ pid: program.process.pid, environment: 'hello = wörld', closed: false, title: 'other-name' });
    program.process.kill('SIGTERM');
    const { code, stdout } = await program.ending();
    expect(code).toBe(5);
    expect(stdout).not.toContain('exit listener');
  });

  it.skipIf(process.platform !== 'linux')(
    'blocks no signal; HUP and USR1 are ignored until the new program decides, TERM is not',
    async () => {
      const { code, stdout } = await startDaemonProgram('exec', ['status']).ending();
      expect(code).toBe(0);
      const mask = (field: string) => BigInt(`0x${new RegExp(`^${field}:\\t(.*)$`, 'm').exec(stdout)![1]}`);
      const names = (bits: bigint) =>
        Object.entries(constants.signals).flatMap(([name, number]) => ((bits >> BigInt(number - 1)) & 1n ? [name] : []));
      // The last two are Node's own, and Node's again in the next program.
      expect(names(mask('SigIgn')).sort()).toEqual(['SIGHUP', 'SIGUSR1', 'SIGPIPE', 'SIGXFSZ'].sort());
      expect(mask('SigBlk')).toBe(0n);
    },
  );

  it('that fails leaves everything as it was, the handling of signals too', async () => {
    const program = startDaemonProgram('exec', ['fails']);
    await program.line('still first');
    program.process.kill('SIGHUP');
    await program.line('hup');
    program.process.kill('SIGTERM');
    const { code, stdout } = await program.ending();
    expect(code).toBe(6);
    expect(stdout.split('\n').filter((line) => line.startsWith('error'))).toEqual([
      'error ENOENT execve /no/such/program',
      'error EACCES execve /etc',
      `error E2BIG execve ${process.execPath}`,
      'error NETMUX_BAD_ARGUMENT undefined undefined',
    ]);
  });

  it('is refused in a worker, and so is another root directory: both concern all threads', async () => {
    const { code, stdout } = await startDaemonProgram('exec', ['worker']).ending();
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'error NETMUX_BAD_ARGUMENT\nerror NETMUX_BAD_ARGUMENT\n' });
  });
});

describeCalls('descriptors', () => {
  it.skipIf(process.platform !== 'linux')('are inherited or not, as setCloseOnExec says', () => {
    const descriptor = opened('/dev/null');
    const isInherited = () => spawnSync('sh', ['-c', `test -e /dev/fd/${descriptor}`], {}).status === 0;
    expect(isInherited()).toBe(false);
    setCloseOnExec(descriptor, false);
    expect(/^flags:.*$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))![0]).not.toMatch(/2\d{6}$/);
    setCloseOnExec(descriptor, true);
    expect(/^flags:.*$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))![0]).toMatch(/2\d{6}$/);
  });

  it('are duplicated above the standard ones', () => {
    const path = join(temporaryDirectory(), 'f');
    const first = openSync(path, 'w');
    const second = closing(duplicate(first));
    expect(second).toBeGreaterThan(2);
    writeSync(first, 'one ');
    closeSync(first);
    writeSync(second, 'two');
    expect(readFileSync(path, 'utf8')).toBe('one two');
  });

  it('take the place of others', () => {
    const path = join(temporaryDirectory(), 'f');
    const [file, place] = [opened(path, 'w'), opened('/dev/null', 'w')];
    redirect(file, place);
    writeSync(place, 'here');
    expect(readFileSync(path, 'utf8')).toBe('here');
    redirect(place, place);
    expect(fstatSync(place).ino).toBe(fstatSync(file).ino);
  });

  it('that are not open are EBADF', () => {
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    const failure = expect.objectContaining({ code: 'EBADF' });
    expect(() => setCloseOnExec(closed, true)).toThrow(failure);
    expect(() => duplicate(closed)).toThrow(failure);
    expect(() => redirect(closed, closed)).toThrow(failure);
    expect(() => lockFile(closed)).toThrow(failure);
  });
});

describeCalls('a lock', () => {
  it('belongs to an open file and its copies, and ends with the last of them', () => {
    const path = join(temporaryDirectory(), 'f');
    writeFileSync(path, '');
    const first = openSync(path, 'r');
    const second = opened(path);
    expect([lockFile(first), lockFile(first), lockFile(second)]).toEqual([true, true, false]);
    const copy = duplicate(first);
    closeSync(first);
    expect(lockFile(second)).toBe(false);
    closeSync(copy);
    expect(lockFile(second)).toBe(true);
  });
});

describeCalls('a datagram socket', () => {
  it('sends one datagram with each write, to UDP and to a path', async () => {
    const path = join(temporaryDirectory(), 's');
    const [local, remote] = [await DatagramReceiver.open(path), await DatagramReceiver.open()];
    const toPath = closing(openDatagram({ family: 'unix', path }));
    const toPort = closing(openDatagram({ family: 4, host: '127.0.0.1', port: remote.port }));
    for (const descriptor of [toPath, toPort]) {
      writeSync(descriptor, 'one');
      writeSync(descriptor, 'two');
    }
    expect(await local.until(2)).toEqual(['one', 'two']);
    expect(await remote.until(2)).toEqual(['one', 'two']);
  });

  it('does not wait for who does not read', async () => {
    const path = join(temporaryDirectory(), 's');
    const receiver = await DatagramReceiver.open(path);
    receiver.pause();
    const descriptor = closing(openDatagram({ family: 'unix', path }));
    const sendMany = () => {
      for (let i = 0; i < 100_000; i += 1) writeSync(descriptor, 'x');
    };
    expect(sendMany).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  });

  it('tells at once that nobody is there', async () => {
    const directory = temporaryDirectory();
    const stream = createServer().listen(join(directory, 'stream'));
    onTestFinished(() => void stream.close());
    const to = (path: string) => () => openDatagram({ family: 'unix', path });
    expect(to(join(directory, 'no'))).toThrow(expect.objectContaining({ code: 'ENOENT', address: join(directory, 'no') }));
    expect(to(join(directory, 'stream'))).toThrow(expect.objectContaining({ code: 'EPROTOTYPE' }));
    expect(to('\0netmux-nobody')).toThrow(expect.objectContaining({ code: 'ECONNREFUSED', address: '@netmux-nobody' }));
    expect(to('x'.repeat(200))).toThrow(TypeError);
  });
});

describeCalls('users and groups', () => {
  it('have the numbers that the system gives them', () => {
    const numbers = (args: string[]) => spawnSync('id', args, { encoding: 'utf8' }).stdout.trim();
    expect(findUser('nobody')).toEqual({ uid: Number(numbers(['-u', 'nobody'])), gid: Number(numbers(['-g', 'nobody'])) });
    expect(findUser('root')?.uid).toBe(0);
    expect(findGroup(numbers(['-gn', 'root']))).toBe(Number(numbers(['-g', 'root'])));
  });

  it('that do not exist have none', () => {
    expect([findUser('no-such-user'), findGroup('no-such-group'), findUser('')]).toEqual([undefined, undefined, undefined]);
    expect(() => findUser('root\0x')).toThrow(expect.objectContaining({ code: 'NETMUX_BAD_ARGUMENT' }));
  });
});

describe.skipIf(!hasAddon || isRoot)('without being root', () => {
  it('the root directory stays where it is', () => {
    expect(() => changeRoot('/usr')).toThrow(expect.objectContaining({ code: 'EPERM', address: '/usr' }));
  });
});

describe('where the addon does not load', () => {
  it('each call fails when it is made, not before, and names the reason', async () => {
    // Only what finds the file is replaced: it stands for a machine without one.
    vi.doMock('../../src/native/load.js', async () => {
      const { NetmuxError } = await import('../../src/errors.js');
      return {
        loadAddon: () => {
          throw new NetmuxError('NETMUX_NO_NATIVE', 'no native engine here');
        },
      };
    });
    vi.resetModules();
    onTestFinished(() => {
      vi.doUnmock('../../src/native/load.js');
    });
    const calls = await import('../../src/mux/process-calls.js');
    const failure = expect.objectContaining({ code: 'NETMUX_NO_NATIVE', message: 'no native engine here' });
    expect(() => calls.findUser('root')).toThrow(failure);
    expect(() => calls.lockFile(0)).toThrow(failure);
    expect(() => calls.replaceProcess('/bin/true', [], {})).toThrow(failure);

    const folder = temporaryDirectory();
    const { PidFile } = await import('../../src/server/daemon/pid-file.js');
    expect(() => PidFile.claim(join(folder, 'server.pid'), () => {})).toThrow(failure);
    expect(readdirSync(folder)).toEqual([]); // no file that nobody would remove
  });
});
