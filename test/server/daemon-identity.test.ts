/** Becoming another user, in other groups, in another root directory: T41, and what happens where it is not permitted. */
import { chmodSync, existsSync, lchownSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathInside } from '../../src/server/daemon/chroot.js';
import { resolveIdentity } from '../../src/server/daemon/identity.js';
import { engines } from '../engines.js';
import { temporaryDirectory } from '../mux/scene.js';
import { isRoot, NOBODY, startDaemonProgram } from './daemon-program.js';

const hasAddon = engines.includes('native');

interface Drop {
  first?: number;
  user?: string;
  group?: string;
  chroot?: string;
  files?: string[];
  log_file?: string;
  pid_file?: string;
}

interface Report {
  notices: string[];
  lines: string[];
  failures: string[];
  ids: number[];
  threads: { Uid: number[][]; Gid: number[][]; Groups: number[][]; CapEff: number[][] };
  descriptors: string[];
  shadow: string;
  setuid: string;
  setgid: string;
  setgroups: string;
  port: string;
  cwd: string;
  root: string[];
  out: string;
  removed?: string;
}

async function drop(options: Drop): Promise<Report> {
  const program = startDaemonProgram('identity', [JSON.stringify(options)]);
  return JSON.parse(await program.line('report')) as Report;
}

async function refusedDrop(options: Drop): Promise<string> {
  const program = startDaemonProgram('identity', [JSON.stringify(options)]);
  const { stdout, stderr } = await program.ending();
  return /^failed (.*)$/m.exec(stdout)?.[1] ?? `${stdout}${stderr}`;
}

/** A directory that everybody may enter. */
function openDirectory(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  return directory;
}

describe.skipIf(!hasAddon)('names', () => {
  it('that are not given mean the present ones, and a line says so', () => {
    const identity = resolveIdentity({});
    expect(identity).toMatchObject({ uid: process.geteuid!(), gid: process.getegid!(), changesUser: false, changesGroup: false });
    expect(identity.notices).toEqual([
      expect.stringMatching(/^Group Not Defined. {2}Defaulting to EGID '[0-9 ]+'$/),
      expect.stringMatching(/^User Not Defined. {2}Defaulting to EUID '[0-9]+'$/),
    ]);
  });

  it.each([
    [{ user: 'no-such-user' }, 'No such user "no-such-user"'],
    [{ user: 'a b' }, 'Invalid user "a b"'],
    [{ user: '' }, 'Invalid user ""'],
    [{ user: '4294967295' }, 'No such user "4294967295"'],
    [{ user: '-1' }, 'No such user "-1"'],
    [{ group: 'no-such-group' }, 'No such group "no-such-group"'],
    [{ group: '0,no-such-group' }, 'No such group "no-such-group"'],
    [{ group: 'a;b' }, 'Invalid group "a;b"'],
    [{ group: '0  1' }, 'Invalid group "0  1"'],
  ])('%j are refused before anything is changed', (options, message) => {
    expect(() => resolveIdentity(options)).toThrow(expect.objectContaining({ code: 'NETMUX_IDENTITY', message }));
  });

  it('may be names or numbers, groups several', () => {
    expect(resolveIdentity({ user: '0' }).uid).toBe(0);
    expect(resolveIdentity({ user: 'root' }).uid).toBe(0);
    expect(resolveIdentity({ group: '5,12 7' })).toMatchObject({ gid: 5, groups: [5, 12, 7] });
  });
});

describe('a path after a chroot', () => {
  it.each([
    ['/jail', '/jail/log/l', '/log/l'],
    ['/jail', '/jail', '/'],
    ['/jail', '/jailhouse/l', '/jailhouse/l'],
    ['/jail', '/run/p', '/run/p'],
    ['/jail', '/..jail/p', '/..jail/p'],
    ['/', '/run/p', '/run/p'],
    ['/jail', '/jail/..x', '/..x'],
  ])('in %s, %s is %s', (root, path, inside) => {
    expect(pathInside(root, path)).toBe(inside);
  });
});

describe.skipIf(!hasAddon || !isRoot)('root', () => {
  it("neither writes to nor gives away what somebody else's symbolic link leads to, in the place of the log", async () => {
    const directory = openDirectory();
    const secret = join(directory, 'secret');
    writeFileSync(secret, 'of root\n', { mode: 0o600 });
    const log_file = join(directory, 'l');
    symlinkSync(secret, log_file);
    lchownSync(log_file, NOBODY, NOBODY);
    const refusal = await refusedDrop({ user: 'nobody', group: String(NOBODY), log_file });
    expect(refusal).toContain(`option log_file: '${log_file}' is a symbolic link that does not belong to root`);
    expect(readFileSync(secret, 'utf8')).toBe('of root\n');
    expect(statSync(secret).uid).toBe(0);
  });

  it('follows a link of its own to the log, and does not give away a file that has another name', async () => {
    const directory = openDirectory();
    const file = join(directory, 'file');
    const log_file = join(directory, 'l');
    symlinkSync(file, log_file);
    expect((await drop({ user: 'nobody', group: String(NOBODY), log_file })).ids).toEqual([NOBODY, NOBODY, NOBODY, NOBODY]);
    expect(statSync(file).uid).toBe(NOBODY);
    const secret = join(directory, 'secret');
    writeFileSync(secret, '');
    linkSync(secret, join(directory, 'hard'));
    const refusal = await refusedDrop({ user: 'nobody', group: String(NOBODY), log_file: join(directory, 'hard') });
    expect(refusal).toContain('the file has another name, too');
    expect(statSync(secret).uid).toBe(0);
  });

  it('becomes nobody for good: no way back, no privileges left, in no thread (T41)', async () => {
    const report = await drop({ user: 'nobody', group: String(NOBODY) });
    expect(report.ids).toEqual([NOBODY, NOBODY, NOBODY, NOBODY]);
    const four = [NOBODY, NOBODY, NOBODY, NOBODY];
    expect(report.threads).toEqual({ Uid: [four], Gid: [four], Groups: [[]], CapEff: [[0]] });
    expect(report).toMatchObject({ shadow: 'EACCES', setuid: 'EPERM', setgid: 'EPERM', setgroups: 'EPERM', port: 'EACCES' });
    expect(report.descriptors.filter((name) => name.includes('io_uring'))).toEqual([]);
    expect(report.lines).toEqual([`2 Setting gid to "${NOBODY} ${NOBODY}"`, `2 Setting uid to "${NOBODY}"`]);
    expect(report.notices).toEqual([]);
  });

  it('keeps its group where none was given, but none of the others, and is told', async () => {
    const report = await drop({ user: 'nobody' });
    expect(report.ids).toEqual([NOBODY, NOBODY, 0, 0]);
    expect(report.threads.Groups).toEqual([[]]);
    expect(report.notices).toEqual([
      "Group Not Defined.  Defaulting to EGID '0 0'",
      `The option group is not given: the server stays in group 0 as user ${NOBODY}`,
    ]);
  });

  it('enters several groups, the first as its own', async () => {
    const report = await drop({ user: '1234', group: '5678,5679 5680' });
    expect(report.ids).toEqual([1234, 1234, 5678, 5678]);
    expect(report.threads.Groups).toEqual([[5679, 5680]]);
    expect(report.lines).toEqual(['2 Setting gid to "5678 5678 5679 5680"', '2 Setting uid to "1234"']);
  });

  it('gives log, pid file and sockets away first, which then work for the new user', async () => {
    const directory = openDirectory();
    const own = join(directory, 'own');
    mkdirSync(own);
    chmodSync(own, 0o777);
    const [log_file, pid_file, socket] = [join(own, 'l'), join(own, 'p'), join(directory, 's')] as const;
    writeFileSync(socket, '');
    const report = await drop({ user: 'nobody', group: String(NOBODY), log_file, pid_file, files: [socket] });
    for (const file of [log_file, socket]) expect([statSync(file).uid, statSync(file).gid], file).toEqual([NOBODY, NOBODY]);
    expect(report.failures).toEqual([]);
    expect(readFileSync(log_file, 'utf8')).toBe('as another user\nopened again\n');
    expect(report.removed).toBe('done');
    expect(existsSync(pid_file)).toBe(false);
  });

  it('leaves what it may no longer remove empty: a pid file in a directory of root', async () => {
    const pid_file = join(openDirectory(), 'p');
    const report = await drop({ user: 'nobody', group: String(NOBODY), pid_file });
    expect(report.removed).toBe('NETMUX_PID_FILE');
    expect(readFileSync(pid_file, 'utf8')).toBe('');
  });

  it('gives a symbolic link away, not what it points to', async () => {
    const directory = openDirectory();
    writeFileSync(join(directory, 'precious'), '');
    symlinkSync(join(directory, 'precious'), join(directory, 's'));
    await drop({ user: 'nobody', files: [join(directory, 's')] });
    expect(statSync(join(directory, 'precious')).uid).toBe(0);
  });

  it('locks itself up: the root is the folder, the working directory is inside, ".." leads nowhere', async () => {
    const directory = openDirectory();
    mkdirSync(join(directory, 'log'));
    chmodSync(join(directory, 'log'), 0o777);
    const [log_file, pid_file] = [join(directory, 'log/l'), join(directory, 'log/p')];
    const report = await drop({ user: 'nobody', group: String(NOBODY), chroot: directory, log_file, pid_file });
    expect(report).toMatchObject({ cwd: '/', root: ['log'], out: 'done["log"]', shadow: 'ENOENT', setuid: 'EPERM' });
    expect(report.ids).toEqual([NOBODY, NOBODY, NOBODY, NOBODY]);
    expect(report.lines[0]).toBe(`2 Chrooting to ${directory}`);
    expect(report.failures).toEqual([]);
    expect(readFileSync(log_file, 'utf8')).toBe('as another user\nopened again\n');
    expect(report.removed).toBe('done');
  });

  it.each([
    ['does not exist', 'no'],
    ['is a file', 'file'],
  ])('a chroot that %s is an error, and nobody becomes anybody', async (_which, name) => {
    const directory = openDirectory();
    writeFileSync(join(directory, 'file'), '');
    const chroot = join(directory, name);
    expect(await refusedDrop({ user: 'nobody', chroot })).toBe(`NETMUX_IDENTITY Specified chroot "${chroot}" doesn't exist.`);
  });

  it('a file that is not there cannot be given away', async () => {
    const file = join(openDirectory(), 'no');
    expect(await refusedDrop({ user: 'nobody', files: [file] })).toMatch(/^NETMUX_IDENTITY Couldn't chown ".*no": ENOENT/);
  });
});

describe.skipIf(!hasAddon || !isRoot)('nobody', () => {
  it.each([
    [{ user: 'root' }, /^NETMUX_IDENTITY Couldn't become uid "0": /],
    [{ user: '1234', group: String(NOBODY) }, /^NETMUX_IDENTITY Couldn't become .id "\d+": /],
    [{ group: '5' }, /^NETMUX_IDENTITY Couldn't become gid "5": /],
    [{ group: `${NOBODY} 5` }, /^NETMUX_IDENTITY Couldn't become gid "65534": /],
    [{ chroot: '/usr' }, /^NETMUX_IDENTITY Couldn't chroot to "\/usr": chroot EPERM/],
  ])('cannot become somebody else, and does not go on as nobody: %j', async (options, failure) => {
    expect(await refusedDrop({ first: NOBODY, ...options })).toMatch(failure);
  });

  it('is already who it is to be', async () => {
    const report = await drop({ first: NOBODY, user: 'nobody', group: String(NOBODY) });
    expect(report).toMatchObject({ ids: [NOBODY, NOBODY, NOBODY, NOBODY], lines: [] });
  });
});
