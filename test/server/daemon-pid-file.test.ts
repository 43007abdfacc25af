/** The pid file: whose it is, what is done about old ones, and that nothing else is ever overwritten. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PidFile } from '../../src/server/daemon/pid-file.js';
import { engines } from '../engines.js';
import type { ChildProgram } from '../mux/child-program.js';
import { temporaryDirectory } from '../mux/scene.js';
import { startDaemonProgram } from './daemon-program.js';

const describeLocks = describe.skipIf(!engines.includes('native'));

function newPath(): string {
  return join(temporaryDirectory(), 'p');
}

/** The file of this process, removed after the test. */
function claim(path: string, warnings: string[] = []): PidFile {
  const file = PidFile.claim(path, (text) => warnings.push(text));
  onTestFinished(() => file.remove());
  return file;
}

function refusal(message: string | RegExp) {
  return expect.objectContaining({
    code: 'NETMUX_PID_FILE',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
}

function startHolder(path: string, ending = ''): ChildProgram {
  return startDaemonProgram('pid-file', [path, ending], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** The number of a process that has been and gone. */
function deadPid(): number {
  return spawnSync('true').pid;
}

describeLocks('a pid file', () => {
  it('holds the process id and a newline, and is gone after remove()', () => {
    const path = newPath();
    const warnings: string[] = [];
    const file = claim(path, warnings);
    file.write();
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    file.write(7);
    expect(readFileSync(path, 'utf8')).toBe('7\n');
    file.remove();
    expect(existsSync(path)).toBe(false);
    file.remove();
    expect(warnings).toEqual([]);
  });

  it('is never writable for others, whatever the umask', () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const path = newPath();
    claim(path);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    process.umask(0o077);
    const narrow = newPath();
    claim(narrow);
    expect(statSync(narrow).mode & 0o777).toBe(0o600);
  });

  it('is meant by its name at the start, wherever the working directory goes', () => {
    const path = newPath();
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    const file = claim(relative(before, path));
    process.chdir('/');
    file.remove();
    expect(existsSync(path)).toBe(false);
  });

  it('of somebody else who took the name meanwhile stays', () => {
    const path = newPath();
    const file = claim(path);
    renameSync(path, `${path}.old`);
    writeFileSync(path, 'another\n');
    file.remove();
    expect(readFileSync(path, 'utf8')).toBe('another\n');
  });
});

describeLocks('an old pid file', () => {
  it('of a dead process is overwritten, with a warning (S16)', () => {
    const path = newPath();
    writeFileSync(path, `${deadPid()}\n`);
    const warnings: string[] = [];
    claim(path, warnings).write();
    expect(warnings).toEqual([`Pid_file "${path}" already exists.  Overwriting!`]);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  });

  it('that is longer than the new one leaves nothing behind', () => {
    const path = newPath();
    writeFileSync(path, '9999999999 and more\nlines\n');
    claim(path).write(1);
    expect(readFileSync(path, 'utf8')).toBe('1\n');
  });

  it('with our own number is ours, from before a restart', () => {
    const path = newPath();
    writeFileSync(path, `${process.pid}\n`);
    const warnings: string[] = [];
    claim(path, warnings).remove();
    expect(warnings).toEqual(['Pid_file created by this same process. Doing nothing.']);
    expect(existsSync(path)).toBe(false);
  });

  it("that is empty is in nobody's way, however young", () => {
    const path = newPath();
    writeFileSync(path, '');
    const warnings: string[] = [];
    claim(path, warnings).write();
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(warnings).toEqual([]);
  });

  it('of a living process that takes no lock is refused and left alone (S17)', () => {
    const path = newPath();
    writeFileSync(path, `${process.ppid}\n`);
    expect(() => claim(path)).toThrow(refusal(`Pid_file already exists for running process (${process.ppid})... aborting`));
    expect(readFileSync(path, 'utf8')).toBe(`${process.ppid}\n`);
  });

  it.skipIf(process.platform !== 'linux')('whose number a process has that began later is overwritten', () => {
    const path = newPath();
    const younger = spawn('sleep', ['60']);
    onTestFinished(() => void younger.kill());
    writeFileSync(path, `${younger.pid}\n`);
    const yesterday = Date.now() / 1000 - 86_400;
    utimesSync(path, yesterday, yesterday);
    const warnings: string[] = [];
    claim(path, warnings);
    expect(warnings).toEqual([`Pid_file "${path}" already exists.  Overwriting!`]);
  });

  it.each(['text', ' 12', '-1', '\n12'])('that says %j is no pid file: refused and left alone', (content) => {
    const path = newPath();
    writeFileSync(path, content);
    expect(() => claim(path)).toThrow(refusal(`Couldn't find pid in existent pid_file "${path}"`));
    expect(readFileSync(path, 'utf8')).toBe(content);
  });
});

describeLocks('a path that cannot be a pid file', () => {
  it('is refused: a directory, a missing directory, a device, a pipe', () => {
    const directory = temporaryDirectory();
    const pipe = join(directory, 'pipe');
    spawnSync('mkfifo', [pipe]);
    for (const path of [directory, join(directory, 'no/p'), '/dev/null', pipe]) {
      expect(() => claim(path), path).toThrow(refusal(new RegExp(`^Couldn't open pid_file "${path}" \\[`)));
    }
  });

  it('is refused: a symbolic link, which may lead to a file of somebody else', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'precious'), '');
    symlinkSync(join(directory, 'precious'), join(directory, 'p'));
    expect(() => claim(join(directory, 'p'))).toThrow(refusal(/it is a symbolic link/));
    mkdirSync(join(directory, 'd'));
    symlinkSync(join(directory, 'd'), join(directory, 'linked'));
    claim(join(directory, 'linked/p'));
    expect(existsSync(join(directory, 'd/p'))).toBe(true);
  });
});

describeLocks('of several processes', () => {
  it('the one that lives keeps the file, and its number is told', async () => {
    const path = newPath();
    const holder = startHolder(path, 'remove');
    await holder.line('claimed');
    expect(() => claim(path)).toThrow(refusal(`Pid_file already exists for running process (${holder.process.pid})... aborting`));
    expect(readFileSync(path, 'utf8')).toBe(`${holder.process.pid}\n`);
    holder.process.stdin!.end();
    expect(await holder.ending()).toMatchObject({ code: 0 });
    expect(existsSync(path)).toBe(false);
    claim(path);
  });

  it("one that was killed is in nobody's way, even before its number could be free again", async () => {
    const path = newPath();
    const holder = startHolder(path);
    await holder.line('claimed');
    holder.process.kill('SIGKILL');
    await holder.ending();
    const warnings: string[] = [];
    claim(path, warnings);
    expect(warnings).toEqual([`Pid_file "${path}" already exists.  Overwriting!`]);
  });

  it('one that has not written its number yet has the file all the same', async () => {
    const path = newPath();
    const holder = startHolder(path, 'empty');
    await holder.line('claimed');
    expect(() => claim(path)).toThrow(refusal(`Pid_file "${path}" is locked by another process... aborting`));
  });

  it('exactly one gets it when all start at once', async () => {
    const path = newPath();
    writeFileSync(path, `${deadPid()}\n`);
    const all = Array.from({ length: 6 }, () => startHolder(path));
    const outcomes = await Promise.all(
      all.map((one) => Promise.any([one.line('claimed').then(() => 'claimed'), one.line('refused').then((line) => `refused ${line}`)])),
    );
    expect(outcomes.filter((outcome) => outcome === 'claimed')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.startsWith('refused NETMUX_PID_FILE '))).toHaveLength(5);
    const winner = all[outcomes.indexOf('claimed')]!;
    expect(readFileSync(path, 'utf8')).toBe(`${winner.process.pid}\n`);
  });

  it('two servers of one process are two', () => {
    const path = newPath();
    claim(path).write();
    expect(() => claim(path)).toThrow(refusal(`Pid_file already exists for running process (${process.pid})... aborting`));
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  });
});
