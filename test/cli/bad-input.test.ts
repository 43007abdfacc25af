/** What is wrong is told in one line with its place, with a status that is not 0, before anything is done (T40). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../../src/server/daemon/other-process.js';
import { engines } from '../engines.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { modulePath, startCommand } from './command.js';

/** In the foreground the server needs no system calls of the addon. */
const starts = engines.includes('native') ? ['--background=0', '--background'] : ['--background=0'];

/** What was there before may be there afterwards, and nothing else. */
async function refused(words: readonly string[], cwd: string) {
  const before = readdirSync(cwd).sort();
  const ending = await startCommand([modulePath('loaded.mjs'), ...words], { cwd }).ending();
  expect(readdirSync(cwd).sort()).toEqual(before);
  return ending;
}

/** Users and groups are looked up by the addon, and pid files are locked by it. */
const itWithAddon = it.skipIf(!engines.includes('native'));

describe.each(starts)('a server that cannot start (%s)', (start) => {
  const refusedInFile = async (_what: string, text: string, complaint: string) => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'x.conf'), text);
    const ending = await refused(['--conf_file', 'x.conf', '--pid_file', 'pid', '--log_file', 'log', start], folder);
    expect(ending).toMatchObject({ code: 1, stdout: 'loaded\n', stderr: `${complaint}\n` });
  };

  const refusedOnCommandLine = async (_what: string, words: readonly string[], complaint: string | RegExp) => {
    const ending = await refused([...words, '--pid_file', 'pid', '--log_file', 'log', start], temporaryDirectory());
    const stderr = typeof complaint === 'string' ? `${complaint}\n` : expect.stringMatching(complaint);
    expect(ending).toMatchObject({ code: 1, stdout: 'loaded\n', stderr });
  };

  it.each([
    ['an unknown option', 'port 0\nbogus 1\n', 'x.conf:2: bogus: unknown option'],
    ['a misspelt one', '\n\n--log_levle 1\n', 'x.conf:3: log_levle: unknown option (did you mean log_level?)'],
    ['a line that is none', 'port 0\n= 7\n', 'x.conf:2: "= 7" is no line of the form NAME VALUE'],
    ['a wrong type', 'listen many\n', 'x.conf:1: listen: must be a whole number from 0 to 2147483647, not "many"'],
    ['a wrong choice', '# log\nlog_format xml\n', 'x.conf:2: log_format: must be one of classic, text, json, not "xml"'],
    [
      'a port that is none',
      'port 70000\n',
      'x.conf:1: port: Could not determine port number from host [127.0.0.1]:70000: ports are 0 to 65535',
    ],
    [
      'a broken regular expression',
      'allow .*\ndeny (\n',
      'x.conf:2: deny: "(" is no regular expression that JavaScript understands: Unterminated group',
    ],
    ['a bad block of addresses', 'cidr_deny 10.0.0.0/99\n', 'x.conf:1: cidr_deny: "10.0.0.0/99" has a prefix that is not 0 to 32'],
  ])('%s in the configuration file: its place, before anything is done', refusedInFile);

  itWithAddon.each([
    ['a user that nobody is', 'user no_such_user\n', 'x.conf:1: user: No such user "no_such_user"'],
    ['a group that is none', 'group no_such_group\n', 'x.conf:1: group: No such group "no_such_group"'],
  ])('%s in the configuration file: its place, before anything is done', refusedInFile);

  it.each([
    ['an unknown option', ['--prot', '7000'], '--prot: unknown option (did you mean --port?)'],
    ['a value that is missing', ['--port'], /^--port: needs a value: .+\n$/],
    ['a wrong type', ['--drain_timeout=soon'], '--drain_timeout: must be a number from 0 to 1000000, not "soon"'],
    ['a port that is none', ['--port', '70000'], /^--port: Could not determine port number .+: ports are 0 to 65535\n$/],
    ['a port that is no number', ['--port', '1x'], '--port: Could not determine port number from host [127.0.0.1]:1x'],
    ['a protocol that does not exist', ['--port', '0/nosuch'], /^--port: Unable to load module for proto "nosuch": .+\n$/],
    ['a protocol that is refused', ['--port', '7000/ssl'], /^--port: option proto: there is no TLS yet, .+\n$/],
    ['a working directory that is not there', ['--chdir', '/no/such'], /^--chdir: option chdir: ENOENT: .+\n$/],
    ['a root that is not there', ['--chroot', '/no/such'], `--chroot: Specified chroot "/no/such" doesn't exist.`],
    [
      'a file to be given away that is not there',
      ['--chown_files', '/no/such'],
      '--chown_files: option chown_files: there is no file "/no/such"',
    ],
    ['a log function that is no method', ['--log_function', 'no_such'], '--log_function: this server has no method no_such'],
    ['a broken regular expression', ['--allow', '['], /^--allow: "\[" is no regular expression that JavaScript understands: .+\n$/],
    ['a bad block of addresses', ['--cidr_allow', '10.0.0'], /^--cidr_allow: "10\.0\.0" .+\n$/],
    ['a file that is not there', ['--conf_file', 'none.conf'], `--conf_file: Couldn't open conf "none.conf" [no such file or directory]`],
    ['a file that cannot be read', ['--conf_file', '.'], `--conf_file: Couldn't open conf "." [illegal operation on a directory]`],
  ])('%s on the command line: the name of the option, before anything is done', refusedOnCommandLine);

  itWithAddon.each([['a user that nobody is', ['--user', 'no_such_user'], '--user: No such user "no_such_user"']])(
    '%s on the command line: the name of the option, before anything is done',
    refusedOnCommandLine,
  );

  itWithAddon('a port in use: one line names it, and no pid file stays', async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    onTestFinished(() => void busy.close());
    const { port } = busy.address() as { port: number };
    const ending = await refused(['--port', `${port}`, '--pid_file', 'pid', '--log_level=0', start], temporaryDirectory());
    expect(ending).toMatchObject({ code: 1, stderr: `Can't connect to TCP port ${port} on 127.0.0.1 [Address already in use]\n` });
  });

  it('a log that cannot be written', async () => {
    const ending = await refused(['--port=0', '--pid_file', 'pid', '--log_file', 'no/such/folder', start], temporaryDirectory());
    expect(ending).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^option log_file: ENOENT: no such file or directory, open '.+'\n$/),
    });
  });

  itWithAddon('the pid file of a living process, which is left alone', async () => {
    const folder = temporaryDirectory();
    const { pid } = sleeper();
    writeFileSync(join(folder, 'pid'), `${pid}\n`);
    const ending = await refused(['--port=0', '--pid_file', 'pid', '--log_level=0', start], folder);
    expect(ending).toMatchObject({
      code: 1,
      stdout: 'loaded\n',
      stderr: `Pid_file already exists for running process (${pid})... aborting\n`,
    });
    expect(readFileSync(join(folder, 'pid'), 'utf8')).toBe(`${pid}\n`);
  });

  itWithAddon('what is no pid file, which is left alone', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'pid'), 'precious\n');
    const ending = await refused(['--port=0', '--pid_file', 'pid', '--log_level=0', start], folder);
    expect(ending).toMatchObject({
      code: 1,
      stdout: 'loaded\n',
      stderr: expect.stringMatching(/^Couldn't find pid in existent pid_file ".+\/pid"\n$/),
    });
    expect(readFileSync(join(folder, 'pid'), 'utf8')).toBe('precious\n');
  });
});

itWithAddon('the pid file of a dead process is nobody’s: the server starts, also in the background', async () => {
  const folder = temporaryDirectory();
  const { pid, kill } = sleeper();
  writeFileSync(join(folder, 'pid'), `${pid}\n`);
  await kill();
  const { code } = await startCommand([modulePath('loaded.mjs'), '--port=0', '--pid_file', 'pid', '--background'], {
    cwd: folder,
  }).ending();
  expect(code).toBe(0);
  const server = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  expect(isAlive(server)).toBe(true);
  process.kill(server, 'SIGTERM');
  await eventually('it has ended', () => !isAlive(server));
});

describe('a module', () => {
  const cases: readonly [what: string, name: string, text: string | undefined, complaint: RegExp][] = [
    ['that is not there', 'a.mjs', undefined, /^a\.mjs: there is no such module \(\/.+\/a\.mjs\)$/],
    [
      'without a default export',
      'a.mjs',
      'export const a = 1;',
      /^a\.mjs: there is no default export: a class of servers, a server, or an object for serve\(\)$/,
    ],
    ['that exports a number', 'a.mjs', 'export default 7;', /, but a number$/],
    ['that exports a list', 'a.mjs', 'export default [];', /, but a list$/],
    ['that exports a function', 'a.mjs', 'export default () => {};', /, but a function$/],
    ['that exports another class', 'a.mjs', 'export default class Other {}', /, but another class$/],
    [
      'that exports options without callbacks',
      'a.cjs',
      'module.exports = { port: 0 };',
      /^a\.cjs: the default export is no class of servers, .+, but another object$/,
    ],
    ['that throws', 'a.mjs', '\n\nthrow new Error("no data base\\nat all");', /^a\.mjs: Error: no data base \(\/.+\/a\.mjs:3\)$/],
    ['that throws a text', 'a.mjs', 'throw "no data base";', /^a\.mjs: throws no data base$/],
    [
      'that throws (CommonJS)',
      'a.cjs',
      'null.x;',
      /^a\.cjs: TypeError: Cannot read properties of null \(reading 'x'\) \(\/.+\/a\.cjs:1\)$/,
    ],
    ['that is no JavaScript', 'a.mjs', 'let a;\nlet = (;', /^a\.mjs: SyntaxError: .+ \(\/.+\/a\.mjs:2\)$/],
    ['that is no JavaScript (CommonJS)', 'a.cjs', 'let a;\nlet b = (;', /^a\.cjs: SyntaxError: .+ \(\/.+\/a\.cjs:2\)$/],
    [
      'that imports what is not there',
      'a.mjs',
      'import "./b.mjs";',
      /^a\.mjs: Error: Cannot find module '.+b\.mjs' imported from \/.+\/a\.mjs$/,
    ],
    [
      'whose server cannot be made',
      'a.mjs',
      'export default class {\n run() {} options() {} default_values() {}\n constructor() { throw new RangeError("no"); } }',
      /^a\.mjs: the server cannot be made: RangeError: no \(\/.+\/a\.mjs:3\)$/,
    ],
  ];

  it.each(cases)('%s: one line', async (_what, name, text, complaint) => {
    const folder = temporaryDirectory();
    if (text !== undefined) writeFileSync(join(folder, name), text);
    const { code, stdout, stderr } = await startCommand([name, '--port=0', '--background'], { cwd: folder }).ending();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const [line, ...more] = stderr.split('\n');
    expect(line).toMatch(/^netmux: /);
    expect(line!.replace('netmux: ', '')).toMatch(complaint);
    expect(more).toEqual(['']);
  });

  it('that is a folder', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'a'));
    expect(await startCommand(['a'], { cwd: folder }).ending()).toMatchObject({
      code: 1,
      stderr: 'netmux: a: this is a folder, not a module\n',
    });
  });

  it('without a default export that serves by itself: its server ends with the command', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'a.mjs'), "const { createServer } = await import('node:net');\ncreateServer().listen(0);\n");
    const { code, stderr } = await startCommand(['a.mjs'], { cwd: folder }).ending();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('there is no default export') });
  });

  it('without its ending: the line has it', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'a.mjs'), '');
    const { code, stderr } = await startCommand(['./a'], { cwd: folder }).ending();
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'netmux: ./a: there is no such module (did you mean ./a.mjs?)\n' });
  });

  it('in TypeScript is run by a Node that can; others say what to do', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'a.mts'), 'export default { mux_close(): void {} };');
    const { code, stdout, stderr } = await startCommand(['a.mts', '--help'], { cwd: folder }).ending();
    if ((process.features as { typescript?: unknown }).typescript)
      expect({ code, usage: stdout.slice(0, 6) }).toEqual({ code: 0, usage: 'usage:' });
    else
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^netmux: a\.mts: Node .+ does not load TypeScript: .+\n$/),
      });
  });

  it('whose options() are wrong', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'a.mjs'), 'export default { mux_close() {}, options: () => ({ a: { type: "colour", meaning: "" } }) };');
    for (const word of ['--help', '--port=0']) {
      const { code, stderr } = await startCommand(['a.mjs', word], { cwd: folder }).ending();
      expect(code).toBe(1);
      expect(stderr).toMatch(/^(netmux: a\.mjs: )?options\(\): a: a row has a meaning and a type, one of .+\n$/);
    }
  });
});

/** A living process, which is not this one's parent or child that tests know of. */
function sleeper(): { readonly pid: number; kill(): Promise<unknown> } {
  const child: ChildProcess = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const kill = () => {
    child.kill('SIGKILL');
    return once(child, 'exit');
  };
  return { pid: child.pid!, kill };
}
