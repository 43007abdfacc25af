/** The log as a server sees it: levels, functions, loggers, and what happens when a line cannot be written. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ServerLog } from '../../src/server/log/log.js';
import type { LeveledLogger } from '../../src/server/log/log-function.js';
import { openLog } from './log-scene.js';

describe('levels', () => {
  it.each([0, 1, 2, 3, 4])('log_level %i lets through what is not above it, and 0 nothing', async (log_level) => {
    const { log } = await openLog({ log_level });
    const passed = [0, 1, 2, 3, 4, 5].filter((level) => log.allows(level));
    expect(passed).toEqual(log_level === 0 ? [] : [0, 1, 2, 3, 4].slice(0, log_level + 1));
    expect(log.allows('1')).toBe(log_level >= 1);
  });

  it('that are words are for functions only', async () => {
    expect((await openLog({})).log.allows('audit')).toBe(false);
    expect((await openLog({ log_function: () => {} })).log.allows('audit')).toBe(true);
    expect((await openLog({ log_function: () => {}, log_level: 0 })).log.allows('audit')).toBe(false);
  });
});

describe('log_function', () => {
  it('gets level and text as they were logged', async () => {
    const calls: unknown[] = [];
    const { log } = await openLog({
      log_function: (level: number | string, text: string) => calls.push([level, text]),
      log_format: 'json',
    });
    log.write(1, 'a\tb\n');
    log.write('audit', 'x');
    expect(calls).toEqual([
      [1, 'a\tb\n'],
      ['audit', 'x'],
    ]);
  });

  it.each([
    ['throws', () => raise()],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('that %s is told each time, with what was not logged', async (_how, log_function) => {
    const { log, failures } = await openLog({ log_function });
    log.write(2, 'one');
    log.write(3, 'two');
    await new Promise(setImmediate);
    expect(failures).toEqual([
      { origin: 'function', error: expect.objectContaining({ message: 'no' }), level: 2, text: 'one' },
      { origin: 'function', error: expect.objectContaining({ message: 'no' }), level: 3, text: 'two' },
    ]);
  });

  it('that logs in its failure handler does not recurse', async () => {
    let told = 0;
    const settings = { log_level: 2, log_format: 'classic', log_function: () => raise() } as unknown as Parameters<
      typeof ServerLog.open
    >[0];
    const log = await ServerLog.open(settings, () => {
      told += 1;
      log.write(0, 'the log does not work');
    });
    log.write(2, 'x');
    log.write(2, 'x');
    expect(told).toBe(2);
  });

  it('may be a logger in the shape of pino: a stand-in with its methods', async () => {
    const calls: unknown[] = [];
    const logger = Object.fromEntries(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((method) => [
        method,
        function (this: unknown, ...args: unknown[]) {
          calls.push([method, this === logger, ...args]);
        },
      ]),
    );
    const { log } = await openLog({ log_function: logger as unknown as LeveledLogger, log_level: 4 });
    for (const level of [0, 1, 2, 3, 4, 'audit']) log.write(level, `level ${level}\nof a peer`);
    expect(calls).toEqual([
      ['error', true, 'level 0\nof a peer'],
      ['warn', true, 'level 1\nof a peer'],
      ['info', true, 'level 2\nof a peer'],
      ['info', true, 'level 3\nof a peer'],
      ['debug', true, 'level 4\nof a peer'],
      ['info', true, 'level audit\nof a peer'],
    ]);
  });

  it.each([['a word'], [{ info() {} }], [7], [null]])('that is %j is refused before anything is logged', async (log_function) => {
    await expect(openLog({ log_function } as never)).rejects.toMatchObject({
      code: 'NETMUX_BAD_OPTION',
      message: /^option log_function: /,
    });
  });
});

describe('the handler of failures', () => {
  const settings = { log_level: 2, log_format: 'classic', log_file: '' } as const;
  const open = (changes: object, handler: () => void) => ServerLog.open({ ...settings, ...changes } as never, handler);

  it('decides what a failing function means: what it throws reaches who has logged', async () => {
    const log = await open({ log_function: () => raise() }, () => {
      throw new Error('thrown by the handler');
    });
    expect(() => log.write(2, 'x')).toThrow('thrown by the handler');
    expect(() => log.write(2, 'x')).toThrow('thrown by the handler');
  });

  it.skipIf(!existsSync('/dev/full'))('cannot end a server whose disk is full', async () => {
    const log = await open({ log_file: '/dev/full' }, () => {
      throw new Error('thrown by the handler');
    });
    log.write(2, 'x');
    log.close();
  });
});

function raise(): never {
  throw new Error('no');
}
