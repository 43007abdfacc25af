/** The two grammars in which options are text: the command line and the configuration file. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NetmuxError } from '../../src/errors.js';
import { readArguments, readPairs } from '../../src/server/options/arguments.js';
import { parseConf } from '../../src/server/options/conf-file.js';
import { NO_VALUE, type SourceReading } from '../../src/server/options/given-option.js';
import type { OptionTable } from '../../src/server/options/option-row.js';
import { collectOptions } from '../../src/server/options/sources.js';
import { SERVER_OPTIONS } from '../../src/server/options/table.js';
import { tries } from '../tries.js';

/** `name=value` for each option of a reading, in order. */
function given(reading: SourceReading): string[] {
  return reading.given.map(({ name, value }) => (value === NO_VALUE ? name : `${name}=${String(value)}`));
}

describe('the command line', () => {
  it.each<[string, string[], string[]]>([
    ['--user=a file', ['user=a'], ['file']],
    ['--user a file', ['user=a'], ['file']],
    ['user=a file', ['user=a'], ['file']],
    ['user a', [], ['user', 'a']],
    ['--user -a', ['user=-a'], []],
    ['--user --group b', ['user', 'group=b'], []],
    ['--user', ['user'], []],
    ['--user --', ['user'], []],
    ['--user=a=b', ['user=a=b'], []],
    ['--setsid file', ['setsid'], ['file']],
    ['--setsid 0 file', ['setsid=0'], ['file']],
    ['--setsid=0 file', ['setsid=0'], ['file']],
    ['--setsid --background yes', ['setsid', 'background=yes'], []],
    ['--reverse_lookups host', ['reverse_lookups'], ['host']],
    ['--reverse_lookups double-debug host', ['reverse_lookups=double-debug'], ['host']],
    ['--port 1 --port=2 port=3', ['port=1', 'port=2', 'port=3'], []],
    ['-user=a -p 5', [], ['-user=a', '-p', '5']],
    ['--5 ---user=a -- --user=b --', [], ['--5', '---user=a', '--user=b', '--']],
    ['file=a /port=5 User=a', [], ['file=a', '/port=5', 'User=a']],
    ['--user a%2db', ['user=a-b'], []],
    ['--user 100% a%2', ['user=100%'], ['a%2']],
  ])('%s', (line, options, rest) => {
    const reading = readArguments(line.split(' '), SERVER_OPTIONS);
    expect(given(reading)).toEqual(options);
    expect(reading.rest).toEqual(rest);
    expect(reading.unknown).toEqual([]);
  });

  it('warns of what looks like an option of other programs, and keeps it as a word', () => {
    const { rest, unknown, warnings } = readArguments(['-p', '7000', '-', '-1', '-user=a\u001b', '--', '-q'], SERVER_OPTIONS);
    expect({ rest, unknown }).toEqual({ rest: ['-p', '7000', '-', '-1', '-user=a\u001b', '-q'], unknown: [] });
    const why = 'a word of the program, no option: those begin with two dashes (behind -- nothing is said)';
    expect(warnings).toEqual([`"-p": ${why}`, `"-user=a\\u001b": ${why}`]);
  });

  it('an empty word is a value, and a word with blanks is one', () => {
    expect(given(readArguments(['--user', '', '--group', 'a b', '--listen 5'], SERVER_OPTIONS))).toEqual([
      'user=',
      'group=a b',
      'listen=5',
    ]);
  });

  it('tells every unknown option; the words stay', () => {
    const { unknown, rest } = readArguments(['--pidfile', 'p', '--no-background', '--x=a b', '--User=a', '--a.b\u001b'], SERVER_OPTIONS);
    expect(unknown.map(({ message }) => message)).toEqual([
      '--pidfile: unknown option (did you mean --pid_file?)',
      '--no-background: unknown option',
      '--x: unknown option',
      '--User: unknown option (did you mean --user?)',
      '--"a.b\\u001b": unknown option',
    ]);
    expect(rest).toEqual(['--pidfile', 'p', '--no-background', '--x=a b', '--User=a', '--a.b\u001b']);
  });

  it('never loses a word that is no option, nor an option', () => {
    const flagWords = ['', '0', '1', 'yes', 'no', 'on', 'off', 'true', 'false'];
    const isPositional = (word: string) => !/^(--([A-Za-z_]|$)|\w+=)/.test(word) && !flagWords.includes(word);
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const positional = fc.oneof(text, fc.constantFrom(...Object.keys(SERVER_OPTIONS), '-p', '--5', 'a b')).filter(isPositional);
    const value = fc.stringMatching(/^[\w.:/-]{1,8}$/).filter((word) => !/^--(\w|$)/.test(word));
    const name = fc.constantFrom('user', 'group', 'host', 'pid_file', 'allow');
    const segment = fc.oneof(
      positional.map((word) => ({ words: [word], rest: [word], options: [] as string[] })),
      fc.constantFrom('setsid', 'background').map((flag) => ({ words: [`--${flag}`], rest: [], options: [flag] })),
      fc.tuple(name, value, fc.constantFrom('=', ' ', 'bare')).map(([option, text, form]) => ({
        words: form === '=' ? [`--${option}=${text}`] : form === ' ' ? [`--${option}`, text] : [`${option}=${text}`],
        rest: [],
        options: [`${option}=${text}`],
      })),
    );
    fc.assert(
      fc.property(fc.array(segment), fc.option(fc.array(text)), (segments, behind) => {
        const words = [...segments.flatMap((each) => each.words), ...(behind === null ? [] : ['--', ...behind])];
        const reading = readArguments(words, SERVER_OPTIONS);
        expect(reading.rest).toEqual([...segments.flatMap((each) => each.rest), ...(behind ?? [])]);
        expect(given(reading)).toEqual(segments.flatMap((each) => each.options));
      }),
      tries(500),
    );
  });

  it('whatever the words, throws nothing but a coded error of one line, and what stays is some of them, in order', () => {
    const name = fc.constantFrom(...Object.keys(SERVER_OPTIONS), 'nosuch', '__proto__', 'constructor');
    const text = fc.string({ unit: 'binary', maxLength: 10 });
    const word = fc.oneof(
      text,
      fc.tuple(fc.constantFrom('', '-', '--', '---'), name, fc.constantFrom('', '=', ' '), text).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        try {
          const { rest } = collectOptions({ argv });
          let from = 0;
          const isNext = (left: string) => {
            from = argv.indexOf(left, from) + 1;
            return from > 0;
          };
          expect(rest.every(isNext)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(NetmuxError);
          expect((error as NetmuxError).message).not.toMatch(/[\n\r]/);
        }
      }),
      tries(500),
    );
  });
});

describe('a configuration file', () => {
  it.each<[string, string[]]>([
    ['user a', ['user=a']],
    ['  --user  a  ', ['user=a']],
    ['user=a', ['user=a']],
    ['user = a', ['user=a']],
    ['user: a', ['user=a']],
    ['user :a', ['user=a']],
    ['user\ta b\tc', ['user=a b\tc']],
    ['user a = b', ['user=a = b']],
    ['user == b', ['user== b']],
    ['host ::1', ['host=::1']],
    ['host ::', ['host=::']],
    ['host = ::1', ['host=::1']],
    ['host: ::1', ['host=::1']],
    ['host [::1]:80', ['host=[::1]:80']],
    ['user "a"', ['user="a"']],
    ['user a#b', ['user=a']],
    ['user a\\#b # c \\# d', ['user=a#b']],
    ['user a\r', ['user=a']],
    ['\ufeffuser a', ['user=a']],
    ['user --group', ['user=--group']],
    ['user %41%2e', ['user=A.']],
    ['allow a\nallow b\n', ['allow=a', 'allow=b']],
    ['', []],
    [' \t\r\n# user a\n  # b', []],
    ['[section]\n[ another ] # x', []],
  ])('%j', (text, options) => {
    const reading = parseConf(text, 'f', SERVER_OPTIONS);
    expect(given(reading)).toEqual(options);
    expect(reading.unknown).toEqual([]);
    expect(reading.warnings).toEqual([]);
  });

  it('tells the line of what it does not understand', () => {
    const text = 'user a\n\npidfile x\r\npid-file x\n!\n= 5\nuser/x\n5 6\nSetsid\nuser #x\nuser =\n';
    const { unknown, warnings } = parseConf(text, '/etc/chat.conf', SERVER_OPTIONS);
    expect(unknown.map(({ message }) => message)).toEqual([
      '/etc/chat.conf:3: pidfile: unknown option (did you mean pid_file?)',
      '/etc/chat.conf:4: pid-file: unknown option (did you mean pid_file?)',
      '/etc/chat.conf:5: "!" is no line of the form NAME VALUE',
      '/etc/chat.conf:6: "= 5" is no line of the form NAME VALUE',
      '/etc/chat.conf:7: "user/x" is no line of the form NAME VALUE',
      '/etc/chat.conf:8: "5 6" is no line of the form NAME VALUE',
      '/etc/chat.conf:9: Setsid: unknown option (did you mean setsid?)',
    ]);
    expect(warnings).toEqual([
      '/etc/chat.conf:10: user: has no value and is passed over',
      '/etc/chat.conf:11: user: has no value and is passed over',
    ]);
  });

  it('gives back what was written into it, however it is spaced', () => {
    const names = fc.constantFrom('user', 'host', 'allow', 'log_file', 'pid_file');
    const value = fc
      .stringMatching(/^[^\s#%\\=:][^\n\r#%\\]{0,20}$/)
      .map((text) => text.trim())
      .filter(Boolean);
    const line = fc.record({
      name: names,
      value,
      separator: fc.constantFrom(' ', '\t', '=', ' = ', ':', ': ', '   '),
      before: fc.constantFrom('', '  ', '--', '\t--', '# a comment\n', '\n\n', '[x]\n'),
      after: fc.constantFrom('', ' ', '\r', '  # a comment', '\t'),
    });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.map(({ before, name, separator, value, after }) => `${before}${name}${separator}${value}${after}`).join('\n');
        const reading = parseConf(text, 'f', SERVER_OPTIONS);
        expect(given(reading)).toEqual(lines.map(({ name, value }) => `${name}=${value}`));
        expect([...reading.unknown, ...reading.warnings]).toEqual([]);
      }),
      tries(300),
    );
  });

  it('whatever is in it, is read without an exception, and every line that says something is accounted for', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...Object.keys(SERVER_OPTIONS), '#', '\\#', '=', ':', '::', '--', ' ', '\t', '\r', '[', ']', '%', '%41'),
    );
    const text = fc
      .array(fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('').replaceAll('\n', '')))
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, (conf) => {
        const { given: options, unknown, warnings } = parseConf(conf, 'f', SERVER_OPTIONS);
        const lines = conf
          .replace(/^\ufeff/, '')
          .split('\n')
          .map((line) =>
            line
              .replace(/(?<!\\)#.*/s, '')
              .replaceAll('\\#', '#')
              .trim(),
          );
        expect(options.length + unknown.length + warnings.length).toBe(
          lines.filter((line) => line !== '' && !/^\[.*\]$/s.test(line)).length,
        );
        for (const error of unknown) expect(error).toBeInstanceOf(NetmuxError);
        for (const { message } of unknown) expect(message).not.toMatch(/[\n\r]/);
      }),
      tries(500),
    );
  });
});

it('a list of pairs is read without an exception, whatever is in it', () => {
  const table: OptionTable = SERVER_OPTIONS;
  const word = fc.oneof(
    fc.constantFrom(...Object.keys(table)),
    fc.constantFrom('--user', '--setsid', 'user=a', '--', '--nosuch'),
    fc.anything(),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      try {
        const { given: options, unknown } = readPairs(words, table, 'run()');
        expect(options.length + unknown.length).toBeLessThanOrEqual(words.length);
      } catch (error) {
        expect(error).toBeInstanceOf(NetmuxError);
      }
    }),
    tries(500),
  );
});
