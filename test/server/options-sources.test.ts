/** What options become: which source goes first, what a value is turned into, and what an error says. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { NetmuxError } from '../../src/errors.js';
import { MUX_OPTIONS, type MuxOptions, muxSettings } from '../../src/mux/options.js';
import { muxOptionsOf } from '../../src/server/options/mux-settings.js';
import type { OptionTable } from '../../src/server/options/option-row.js';
import type { ServerOptions } from '../../src/server/options/server-options.js';
import { collectOptions, type OptionSources } from '../../src/server/options/sources.js';
import { SERVER_OPTIONS, type ServerSettings } from '../../src/server/options/table.js';
import { tries } from '../tries.js';

const folder = mkdtempSync(join(tmpdir(), 'netmux-options-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;

function confFile(text: string): string {
  files += 1;
  const file = join(folder, `${files}.conf`);
  writeFileSync(file, text);
  return file;
}

function complaintOf(sources: OptionSources<OptionTable>): string {
  try {
    collectOptions(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(NetmuxError);
    expect((error as NetmuxError).code).toBe('NETMUX_BAD_OPTION');
    return (error as NetmuxError).message;
  }
  throw new Error('it was accepted');
}

describe('where an option comes from', () => {
  const file = confFile('user f\n');
  const all = {
    constructed: { user: 'n' },
    argv: ['--user=c'],
    run: { user: 'r', conf_file: file },
    defaults: { user: 'd' },
  };

  it.each([
    ['n', {}],
    ['c', { constructed: {} }],
    ['r', { constructed: {}, argv: [] }],
    ['f', { constructed: {}, argv: [], run: { conf_file: file } }],
    ['d', { constructed: {}, argv: [], run: {} }],
    [undefined, { constructed: {}, argv: [], run: {}, defaults: {} }],
  ])('%s is from the first source that has it', (user, sources) => {
    expect(collectOptions({ ...all, ...sources }).settings.user).toBe(user);
  });

  it.each<[string, OptionSources]>([
    ['the constructor', { constructed: { conf_file: file } }],
    ['the command line', { argv: ['--conf_file', file] }],
    ['run()', { run: { conf_file: file } }],
    ['default_values()', { defaults: { conf_file: file } }],
  ])('%s can name the configuration file', (_, sources) => {
    expect(collectOptions(sources).settings.user).toBe('f');
  });

  it('a configuration file does not name another one', () => {
    const outer = confFile(`conf_file ${file}\n`);
    const { settings, warnings } = collectOptions({ run: { conf_file: outer } });
    expect(settings.user).toBeUndefined();
    expect(settings.conf_file).toBe(outer);
    expect(warnings).toEqual([`${outer}:1: conf_file: a configuration file does not name another one; passed over`]);
  });

  it('the places of all values are told', () => {
    const named = confFile('\nhost a\nhost b\n');
    const { places } = collectOptions({
      argv: ['--port=1', '--port', '2', '--conf_file', named],
      run: { log_level: 3 },
      defaults: { user: 'd' },
    });
    expect(Object.fromEntries(places)).toEqual({
      port: ['--port', '--port'],
      conf_file: ['--conf_file'],
      host: [`${named}:2: host`, `${named}:3: host`],
      log_level: ['option log_level given to run()'],
      user: ['option user given to default_values()'],
    });
  });

  it('an empty list is a list: later sources do not fill it', () => {
    expect(collectOptions({ run: { allow: [] }, defaults: { allow: ['a'] } }).settings.allow).toEqual([]);
    expect(collectOptions({ run: ['allow', []], defaults: { allow: ['a'] } }).settings.allow).toEqual([]);
  });

  it('an empty text takes back what later sources say', () => {
    const { settings, places } = collectOptions({ argv: ['--pid_file', '', '--syslog_ident', ''], defaults: { pid_file: '/p' } });
    expect(settings.pid_file).toBeUndefined();
    expect(settings.syslog_ident).toBe('net_server');
    expect(places.has('pid_file')).toBe(false);
  });

  it('what is undefined is not given', () => {
    expect(collectOptions({ run: { user: undefined }, defaults: { user: 'd' } }).settings.user).toBe('d');
  });

  it('defaults are not shared between servers', () => {
    (collectOptions({}).settings.port as unknown[]).push(1);
    expect(collectOptions({}).settings.port).toEqual([20_203]);
  });
});

describe('a list of pairs', () => {
  it('gives names with and without dashes, and values of any type', () => {
    const log = () => {};
    const { settings } = collectOptions({
      run: ['port', [1, '2'], '--port', 3, 'background', true, '--setsid', '--user', 'a', 'log_function', log, 'keep_alive=1'],
    });
    expect(settings).toMatchObject({ port: [1, '2', 3], background: true, setsid: true, user: 'a', log_function: log, keep_alive: true });
  });

  it.each([
    [['port', 1, 'usr', 'a'], 'run(): "usr" stands where the name of an option should be'],
    [['port', 1, 5], 'run(): 5 stands where the name of an option should be'],
    [['--usr', 'a'], '--usr: unknown option (did you mean --user?)'],
    [
      ['port'],
      'option port given to run(): needs a value: a port from 0 to 65535, a text such as HOST:PORT/PROTO, or an object that has a port',
    ],
  ])('%j is refused', (run, message) => {
    expect(complaintOf({ run })).toBe(message);
  });
});

describe('values', () => {
  it.each<[string, string, unknown]>([
    ['listen', '7', 7],
    ['drain_timeout', '0.25', 0.25],
    ['check_for_dequeue', '.5', 0.5],
    ['max_outbuffer', '0', 0],
    ['umask', '022', 0o22],
    ['socket_mode', '0o660', 0o660],
    ['background', 'yes', true],
    ['background', 'off', false],
    ['background', '', false],
    ['no_client_stdout', '0', false],
    ['allow_half_open', '1', true],
    ['log_format', 'json', 'json'],
    ['log_function', 'to_syslog', 'to_syslog'],
    ['reverse_lookups', '1', true],
    ['reverse_lookups', 'unverified', 'unverified'],
    ['engine', 'node', 'node'],
    ['on_callback_error', 'exit', 'exit'],
    ['outbuffer_policy', 'drop', 'drop'],
    ['pid_file', '/run/a b.pid', '/run/a b.pid'],
    ['log_file', 'Sys::Syslog', 'Sys::Syslog'],
    ['syslog_logopt', 'pid|ndelay, cons', 'pid|ndelay, cons'],
    ['user', '65534', '65534'],
  ])('the text of %s=%j is the value %j, from every source', (name, text, value) => {
    const got = (sources: OptionSources): unknown => (collectOptions(sources).settings as unknown as Record<string, unknown>)[name];
    expect(got({ argv: [`--${name}`, text] })).toBe(value);
    for (const source of ['constructed', 'run', 'defaults']) expect(got({ [source]: { [name]: text } })).toBe(value);
    if (text !== '') expect(got({ run: { conf_file: confFile(`${name} = ${text}`) } })).toBe(value);
  });

  it.each<[string, unknown, unknown]>([
    ['ipv', 4, ['4']],
    ['ipv', ['6', 4], ['6', '4']],
    ['background', 1, true],
    ['background', 0, false],
    ['reverse_lookups', 2, '2'],
    ['port', { port: 7, proto: 'udp' }, [{ port: 7, proto: 'udp' }]],
    ['allow', /^10\./, [/^10\./]],
    ['umask', 0o27, 0o27],
  ])('%s given as %j by the program is %j', (name, given, value) => {
    expect((collectOptions({ run: { [name]: given } }).settings as unknown as Record<string, unknown>)[name]).toEqual(value);
  });

  it('two hexadecimal digits behind % are a character in texts of run(), not in lists and not in the constructor', () => {
    expect(collectOptions({ run: { user: 'a%2Db%4' } }).settings.user).toBe('a-b%4');
    expect(collectOptions({ run: { host: ['a%2Db'] } }).settings.host).toEqual(['a%2Db']);
    expect(collectOptions({ constructed: { user: 'a%2Db' } }).settings.user).toBe('a%2Db');
  });

  it.each<[string, unknown, string]>([
    ['listen', '7x', 'must be a whole number from 0 to 2147483647, not "7x"'],
    ['listen', 1.5, 'must be a whole number from 0 to 2147483647, not 1.5'],
    ['listen', -1, 'must be a whole number from 0 to 2147483647, not -1'],
    ['port', 70_000, 'must be a port from 0 to 65535, a text such as HOST:PORT/PROTO, or an object that has a port, not 70000'],
    ['port', {}, 'must be a port from 0 to 65535, a text such as HOST:PORT/PROTO, or an object that has a port, not an object'],
    ['drain_timeout', 'soon', 'must be a number from 0 to 1000000, not "soon"'],
    ['drain_timeout', Number.NaN, 'must be a number from 0 to 1000000, not NaN'],
    ['max_outbuffer', '16M', 'must be a whole number from 0 (unlimited) to 2147483647, not "16M"'],
    ['background', 'maybe', 'must be true or false (as text also 1 and 0, yes and no, on and off), not "maybe"'],
    ['background', 2, 'must be true or false (as text also 1 and 0, yes and no, on and off), not "2"'],
    ['user', 5, 'must be a text, not 5'],
    ['user', null, 'must be a text, not null'],
    ['pid_file', 'a\0b', 'must be the name of a file or folder, not "a\\u0000b"'],
    ['umask', '089', 'must be permissions from 0 to 777, in octal where they are a text, not "089"'],
    ['socket_mode', 0o1000, 'must be permissions from 0 to 777, in octal where they are a text, not 512'],
    ['log_format', 'xml', 'must be one of classic, text, json, not "xml"'],
    [
      'log_function',
      {},
      'must be a function (level, text), the name of a method, or an object with the methods error, warn, info and debug, not an object',
    ],
    ['outbuffer_policy', 'burst', `must be 'close', 'drop' or a function (fh, bytes) that returns one of them, not "burst"`],
    ['engine', 'perl', `must be 'auto', 'native' or 'node', not "perl"`],
    ['ipv', '5', 'must be 4, 6 or *, not "5"'],
    ['reverse_lookups', 'perhaps', `must be true, false, 'unverified', or 'double' and words of double_reverse_lookups, not "perhaps"`],
    ['double_reverse_lookups', 'loud', 'must be true, false, or words out of detail, autofail and debug, not "loud"'],
    ['max_pending_admissions', 0, 'must be a whole number from 1 to 2147483647 (connections), not 0'],
    ['log_file', '/tmp/a b', `Unsecure filename "/tmp/a b": only letters, digits and _ . / \\ : - may stand in it`],
    ['log_file', 'Log::Log4perl', 'Log::Log4perl exists in Perl only; see log_function'],
    ['cidr_allow', '10.0.0.0/40', '"10.0.0.0/40" has a prefix that is not 0 to 32'],
    ['cidr_deny', 'localnet', '"localnet" is no block of addresses such as 10.0.0.0/8 or 2001:db8::/32'],
    ['allow', '[', '"[" is no regular expression that JavaScript understands: Unterminated character class'],
    ['deny', 5, 'must be a regular expression, not 5'],
    ['user', ['a', 'b'], 'Found multiple values on the configuration item "user", which takes one'],
  ])('%s: %j is refused', (name, value, complaint) => {
    expect(complaintOf({ run: { [name]: value } })).toBe(`option ${name} given to run(): ${complaint}`);
  });

  it('a long value is cut in the message, which stays one line', () => {
    const message = complaintOf({ run: { log_format: 'x\n\u2028\u009b'.repeat(100) } });
    expect(message.length).toBeLessThan(500);
    expect(message).toMatch(/^[ -~…]*$/);
  });

  it('a value that is overruled is checked all the same', () => {
    expect(complaintOf({ argv: ['--listen=5'], defaults: { listen: 'many' } })).toContain('option listen given to default_values()');
  });
});

describe('the place of an error', () => {
  const file = confFile('user a\nlisten many\n');
  it.each<[OptionSources, string]>([
    [{ constructed: { listen: 'many' } }, 'option listen given to the constructor: '],
    [{ argv: ['--listen', 'many'] }, '--listen: '],
    [{ argv: ['listen=many'] }, '--listen: '],
    [{ run: { listen: 'many' } }, 'option listen given to run(): '],
    [{ run: ['listen', 'many'] }, 'option listen given to run(): '],
    [{ defaults: { listen: 'many' } }, 'option listen given to default_values(): '],
    [{ argv: ['--conf_file', file] }, `${file}:2: listen: `],
  ])('%j', (sources, place) => {
    expect(complaintOf(sources)).toBe(`${place}must be a whole number from 0 to 2147483647, not "many"`);
  });

  it.each<[OptionSources, string]>([
    [{ constructed: { pidFile: 'p' } }, 'option pidFile given to the constructor: unknown option (did you mean pid_file?)'],
    [{ argv: ['--pid-file=p'] }, '--pid-file: unknown option (did you mean --pid_file?)'],
    [{ argv: ['--bakcground'] }, '--bakcground: unknown option (did you mean --background?)'],
    [{ argv: ['--help'] }, '--help: unknown option'],
    [{ run: { toString: 1 } }, 'option toString given to run(): unknown option'],
    [{ argv: ['--constructor=1'] }, '--constructor: unknown option'],
    [{ run: { conf_file: confFile('\n\nlog-level 3') } }, `${folder}/${files}.conf:3: log-level: unknown option (did you mean log_level?)`],
  ])('%j: an unknown option', (sources, message) => {
    expect(complaintOf(sources)).toBe(message);
  });

  it.each([
    [join(folder, 'missing'), 'no such file or directory'],
    [folder, 'illegal operation on a directory'],
  ])('a configuration file that cannot be read: %s', (path, reason) => {
    expect(complaintOf({ argv: ['--conf_file', path] })).toBe(`--conf_file: Couldn't open conf "${path}" [${reason}]`);
  });

  it.skipIf(!existsSync('/dev/zero'))('a configuration file without an end', () => {
    expect(complaintOf({ argv: ['--conf_file', '/dev/zero'] })).toBe(
      '--conf_file: Couldn\'t open conf "/dev/zero" [it is longer than 16 MiB]',
    );
  });

  it.each([5, null, 'port=1', () => {}])('%s in place of options', (run) => {
    expect(complaintOf({ run: run as object })).toMatch(/^run\(\): options are an object, not /);
  });
});

describe('ignore_unknown', () => {
  const file = confFile('motd hello\nmy-name x\n!!!\nuser a\nignore_unknown 1\n');

  it.each<[string, OptionSources]>([
    ['the file itself', { argv: ['--conf_file', file, '--motd', 'word'] }],
    ['the program', { constructed: { ignore_unknown: true, motd: 1 }, argv: ['--motd', 'word'], run: ['motd', 'x', 'user', 'a'] }],
  ])('said by %s, drops what nobody knows; words stay', (_, sources) => {
    const { settings, rest } = collectOptions(sources);
    expect(settings.user).toBe('a');
    expect(settings).not.toHaveProperty('motd');
    expect(rest).toEqual(['--motd', 'word']);
  });

  it('does not excuse a value that is not allowed, nor a known option with a value that cannot be told', () => {
    expect(complaintOf({ run: { ignore_unknown: true, listen: 'x' } })).toContain('listen');
    expect(complaintOf({ run: { ignore_unknown: true }, argv: ['--group=a b'] })).toContain('--group: a value with blanks');
  });

  it('false from an earlier source goes before true from a later one', () => {
    expect(complaintOf({ argv: ['--ignore_unknown=0'], run: { ignore_unknown: true, motd: 1 } })).toContain(
      'motd: unknown option'.slice(0, 4),
    );
  });
});

describe("options that only Perl's servers need", () => {
  it('are accepted with a warning, wherever they stand, and dropped', () => {
    const file = confFile('ipv6_package = Socket6\n');
    const { settings, rest, warnings } = collectOptions({
      argv: ['--no_close_by_child', 'word', '--max_servers', '5', '--conf_file', file],
      run: { server_type: ['PreFork'], SSL_key_file: '/k' },
    });
    expect(rest).toEqual(['word']);
    expect(warnings).toEqual([
      '--no_close_by_child: accepted but without effect: for servers that fork',
      '--max_servers: accepted but without effect: netmux serves all clients in one process',
      'option server_type given to run(): accepted but without effect: a choice between Perl modules',
      'option SSL_key_file given to run(): accepted but without effect: netmux has no TLS: terminate it in front',
      `${file}:1: ipv6_package: accepted but without effect: a choice between Perl modules`,
    ]);
    expect(Object.keys(settings).filter((name) => SERVER_OPTIONS[name]?.perlOnly !== undefined)).toEqual([]);
  });
});

describe("a program's own options", () => {
  const own = {
    greeting: { type: 'string', default: 'hello', meaning: 'what clients are told' },
    idle: { type: 'number', least: 1, unit: 'seconds', meaning: 'how long a client may be silent' },
    room: { type: 'choice', choices: ['red', 'blue'], list: true, meaning: 'the rooms there are' },
  } as const satisfies OptionTable;

  it('come from all sources, typed, with their defaults', () => {
    const { settings } = collectOptions({ argv: ['--idle', '2.5'], run: { conf_file: confFile('room red\nroom blue\n') }, own });
    expect({ greeting: settings.greeting, idle: settings.idle, room: settings.room }).toEqual({
      greeting: 'hello',
      idle: 2.5,
      room: ['red', 'blue'],
    });
    const typed: [string, number | undefined, readonly ('red' | 'blue')[]] = [settings.greeting, settings.idle, settings.room];
    expect(typed).toBeDefined();
  });

  it('are checked as the others are', () => {
    expect(complaintOf({ argv: ['--idle=0'], own })).toBe('--idle: must be a number from 1 on (seconds), not 0');
    expect(complaintOf({ run: { conf_file: confFile('\nroom green\n') }, own })).toMatch(
      /:2: room: must be one of red, blue, not "green"$/,
    );
    expect(complaintOf({ argv: ['--greting=x'], own })).toBe('--greting: unknown option (did you mean --greeting?)');
  });

  it.each<[OptionTable, string]>([
    [{ port: { type: 'string', meaning: 'x' } }, 'options(): port: is an option of every server already'],
    [{ 'my-name': { type: 'string', meaning: 'x' } }, 'options(): my-name: a name is a letter and then letters, digits and _'],
    [{ name: { type: 'strin', meaning: 'x' } as never }, 'options(): name: a row has a meaning and a type, one of string, '],
    [{ name: { type: 'string' } as never }, 'options(): name: a row has a meaning and a type, one of string, '],
  ])('%j is no table', (table, message) => {
    expect(complaintOf({ own: table })).toContain(message);
  });

  it('may repeat the rows of the server, and take the place of a Perl-only one', () => {
    const table: OptionTable = { ...SERVER_OPTIONS, server_type: { type: 'string', meaning: 'my own' } };
    expect(collectOptions({ argv: ['--server_type', 'x'], own: table }).settings).toMatchObject({ server_type: 'x' });
  });
});

describe('the options of the multiplexer', () => {
  it('have the same defaults, limits and meaning under their other name', () => {
    const { settings } = collectOptions({});
    const given = muxOptionsOf(settings);
    expect(muxSettings(given)).toEqual(muxSettings({}));
    expect(Object.keys(given).sort()).toEqual(
      Object.keys(MUX_OPTIONS)
        .filter((name) => name !== 'warn')
        .sort(),
    );
  });

  it('reach the multiplexer', () => {
    const { settings } = collectOptions({
      argv: ['--max_outbuffer=5', '--read_size', '8192', '--allow_half_open'],
      run: { engine: 'node', outbuffer_policy: 'drop', on_callback_error: 'exit', drain_timeout: 1, max_inbuffer: 0, high_water_mark: 7 },
    });
    expect(muxOptionsOf(settings)).toEqual({
      ...muxOptionsOf(collectOptions({}).settings),
      engine: 'node',
      maxOutbuffer: 5,
      outbufferPolicy: 'drop',
      maxInbuffer: 0,
      highWaterMark: 7,
      readSize: 8192,
      allowHalfOpen: true,
      drainTimeout: 1,
      onCallbackError: 'exit',
      asyncContext: 'shared',
    } satisfies MuxOptions);
  });
});

describe('the types', () => {
  it('make a wrong name, a wrong type and a Perl-only option a compile error', () => {
    const right: ServerOptions = {
      port: ['127.0.0.1:7000', 8000, { port: 9 }],
      ipv: 4,
      allow: /^10\./,
      max_outbuffer: 5,
      log_format: 'json',
      background: true,
    };
    // @ts-expect-error the name is pid_file
    const misspelt: ServerOptions = { pidfile: '/p' };
    // @ts-expect-error a number of bytes
    const mistyped: ServerOptions = { max_outbuffer: '5' };
    // @ts-expect-error one of three words
    const unchosen: ServerOptions = { log_format: 'xml' };
    // @ts-expect-error there is nothing that it could do
    const perlish: ServerOptions = { ipv6_package: 'Socket6' };
    const settings: ServerSettings = collectOptions({ run: right }).settings;
    const typed: [number, readonly string[], string | undefined, boolean] = [
      settings.log_level,
      settings.cidr_allow,
      settings.user,
      settings.background,
    ];
    expect(typed).toEqual([2, [], undefined, true]);
    expect([misspelt, mistyped, unchosen].map((run) => complaintOf({ run: { ...run, listen: 'x' } }).length > 0)).toEqual([
      true,
      true,
      true,
    ]);
    expect(collectOptions({ run: perlish }).warnings).toHaveLength(1);
  });
});

it('whatever a program passes is either accepted or refused with a coded error of one line', () => {
  const names = fc.constantFrom(...Object.keys(SERVER_OPTIONS).filter((name) => name !== 'conf_file'));
  const options = fc.dictionary(
    fc.oneof({ weight: 9, arbitrary: names }, { weight: 1, arbitrary: fc.string({ unit: 'binary' }) }),
    fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true, withDate: true }),
    { maxKeys: 3 },
  );
  const values = fc.oneof(options, fc.array(fc.oneof(names, fc.anything())));
  fc.assert(
    fc.property(options, values, options, (constructed, run, defaults) => {
      try {
        collectOptions({ constructed, run, defaults });
      } catch (error) {
        expect(error).toBeInstanceOf(NetmuxError);
        expect((error as NetmuxError).code).toBe('NETMUX_BAD_OPTION');
        expect((error as NetmuxError).message).not.toMatch(/[\n\r]/);
      }
    }),
    tries(500),
  );
});
