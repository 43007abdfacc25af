/** The log file: appended to, opened again, given away, and what happens when it cannot be written. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MultiplexServer } from '../../src/index.js';
import { duplicate, redirect } from '../../src/mux/process-calls.js';
import { StandardErrorTarget } from '../../src/server/log/standard-error.js';
import { engines } from '../engines.js';
import { temporaryDirectory } from '../mux/scene.js';
import { openLog } from './log-scene.js';
import { start } from './running.js';

const hasFullDevice = existsSync('/dev/full');

/** Descriptors are duplicated and redirected by the addon. */
const itWithAddon = it.skipIf(!engines.includes('native'));

describe('a log file', () => {
  it('is appended to, one write for each line, complete when the call returns', async () => {
    const log_file = join(temporaryDirectory(), 'l');
    writeFileSync(log_file, 'from yesterday\n');
    const { log } = await openLog({ log_file });
    log.write(2, 'one');
    expect(readFileSync(log_file, 'utf8')).toBe('from yesterday\none\n');
    appendFileSync(log_file, 'from somebody else\n');
    log.write(2, 'two\nlines\n');
    expect(readFileSync(log_file, 'utf8')).toBe('from yesterday\none\nfrom somebody else\ntwo\nlines\n');
  });

  it('gets its mode from the umask', async () => {
    const log_file = join(temporaryDirectory(), 'l');
    const before = process.umask(0o027);
    onTestFinished(() => void process.umask(before));
    await openLog({ log_file });
    expect(statSync(log_file).mode & 0o777).toBe(0o640);
  });

  it('gets its mode from the option umask as well', async () => {
    const log_file = join(temporaryDirectory(), 'l');
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const server = await start(new MultiplexServer(), 'node', { log_level: 2, log_file, umask: 0o077 });
    await server.close();
    expect(statSync(log_file).mode & 0o777).toBe(0o600);
  });

  it('is opened again under its name after it was moved away, and then gets all lines', async () => {
    const log_file = join(temporaryDirectory(), 'l');
    const { log } = await openLog({ log_file });
    log.write(2, 'before');
    renameSync(log_file, `${log_file}.1`);
    log.write(2, 'moved');
    log.reopen();
    log.write(2, 'after');
    expect(readFileSync(`${log_file}.1`, 'utf8')).toBe('before\nmoved\n');
    expect(readFileSync(log_file, 'utf8')).toBe('after\n');
  });

  it('stays in use if it cannot be opened again, and that is told', async () => {
    const directory = temporaryDirectory();
    const log_file = join(directory, 'l');
    const { log, failures } = await openLog({ log_file });
    renameSync(log_file, join(directory, 'm'));
    spawnSync('mkdir', [log_file]);
    log.reopen();
    expect(failures).toEqual([{ origin: 'output', error: expect.objectContaining({ code: 'EISDIR' }) }]);
    expect(failures[0]!.error.message).toContain(`log file ${log_file}: `);
    log.write(2, 'still here');
    expect(readFileSync(join(directory, 'm'), 'utf8')).toBe('still here\n');
  });

  it('is meant by its name at the start, wherever the working directory goes', async () => {
    const directory = temporaryDirectory();
    const log_file = join(directory, 'l');
    const { log } = await openLog({ log_file: relative(process.cwd(), log_file) });
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir('/');
    renameSync(log_file, `${log_file}.1`);
    log.reopen();
    log.write(2, 'x');
    expect(readFileSync(log_file, 'utf8')).toBe('x\n');
  });

  itWithAddon('may take the place of a standard descriptor, after opening it again as well', async () => {
    const log_file = join(temporaryDirectory(), 'l');
    const { log } = await openLog({ log_file });
    const stderr = openSync('/dev/null', 'w');
    onTestFinished(() => closeSync(stderr));
    expect(log.takeOver(stderr)).toBe(true);
    writeSync(stderr, 'printed 1\n');
    renameSync(log_file, `${log_file}.1`);
    log.reopen();
    writeSync(stderr, 'printed 2\n');
    expect(readFileSync(`${log_file}.1`, 'utf8')).toBe('printed 1\n');
    expect(readFileSync(log_file, 'utf8')).toBe('printed 2\n');
  });

  it.each([
    ['in a directory that does not exist', 'no/l', 'ENOENT'],
    ['that is a directory', '.', 'EISDIR'],
    ['that is a named pipe without a reader', 'pipe', 'ENXIO'],
  ])('%s is an error at the start, and does not hold it up', async (_which, name, code) => {
    const directory = temporaryDirectory();
    spawnSync('mkfifo', [join(directory, 'pipe')]);
    await expect(openLog({ log_file: join(directory, name) })).rejects.toMatchObject({ code, message: /^option log_file: / });
  });

  it.skipIf(process.getuid!() === 0)('without permission is an error at the start', async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o500);
    await expect(openLog({ log_file: join(directory, 'l') })).rejects.toMatchObject({ code: 'EACCES' });
  });
});

describe('a log that cannot be written', () => {
  it.skipIf(!hasFullDevice || !engines.includes('native'))(
    'survives a full disk: told once, counted, and told of when there is room again',
    async () => {
      const log_file = join(temporaryDirectory(), 'l');
      const { log, failures } = await openLog({ log_file });
      log.write(2, 'before');
      const full = openSync('/dev/full', 'w');
      const target = descriptorOf(log_file);
      const file = duplicate(target);
      redirect(full, target);
      for (const text of ['lost 1', 'lost 2', 'lost 3']) log.write(2, text);
      expect(failures).toEqual([
        {
          origin: 'output',
          error: expect.objectContaining({ code: 'ENOSPC', message: expect.stringContaining(log_file) }),
          level: 2,
          text: 'lost 1',
        },
      ]);
      redirect(file, target);
      log.write(2, 'after');
      log.write(2, 'more');
      expect(readFileSync(log_file, 'utf8')).toBe('before\n3 log messages were lost before this one\nafter\nmore\n');
      redirect(full, target);
      log.write(2, 'lost 4');
      expect(failures).toHaveLength(2);
      for (const descriptor of [full, file]) closeSync(descriptor);
    },
  );

  it('gives up on a pipe that nobody empties, and does not glue the next line to a piece of the last', async () => {
    const path = join(temporaryDirectory(), 'p');
    spawnSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(reader));
    const { log, failures } = await openLog({ log_file: path });
    const long = 'x'.repeat(100_000);
    log.write(2, long);
    expect(failures).toMatchObject([{ error: { code: 'EAGAIN' }, text: long }]);
    const piece = drain(reader);
    expect(piece).toMatch(/^x+$/);
    expect(piece.length).toBeLessThan(long.length);
    log.write(2, 'next');
    expect(drain(reader)).toBe('\n1 log messages were lost before this one\nnext\n');
  });

  itWithAddon('that is a pipe whose reader has gone is told, and ends nothing', async () => {
    const reader = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    const descriptor = duplicate((reader.stdin as unknown as { _handle: { fd: number } })._handle.fd);
    reader.kill();
    await once(reader, 'exit');
    const target = new StandardErrorTarget(descriptor);
    expect(() => target.write('x')).toThrow(expect.objectContaining({ code: 'EPIPE' }));
    closeSync(descriptor);
  });
});

/** The descriptor of this process under which a file is open. */
function descriptorOf(path: string): number {
  const wanted = statSync(path);
  for (let descriptor = 3; descriptor < 1024; descriptor += 1) {
    const found = statOf(descriptor);
    if (found !== undefined && found.ino === wanted.ino && found.dev === wanted.dev) return descriptor;
  }
  throw new Error(`${path} is not open`);
}

function statOf(descriptor: number) {
  try {
    return statSync(`/dev/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

function drain(descriptor: number): string {
  const chunk = Buffer.alloc(1 << 20);
  let text = '';
  for (;;) {
    try {
      const length = readSync(descriptor, chunk);
      if (length === 0) return text;
      text += chunk.toString('latin1', 0, length);
    } catch {
      return text;
    }
  }
}
