/** The `netmux` command with a module that it can run. */
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../../src/server/daemon/other-process.js';
import { describeEngines, engines } from '../engines.js';
import { ROOT, run } from '../examples/programs.js';
import { Peer } from '../mux/peer.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { modulePath, startCommand } from './command.js';

describeEngines('the netmux command runs', (engine) => {
  it.each([
    ['a class', 'greeter.mjs'],
    ['an object for serve()', 'object.mjs'],
    ['a CommonJS module', 'object.cjs'],
    ['what a compiler has made of a default export', 'translated.cjs'],
  ])('%s, until a signal ends it', async (_what, name) => {
    const netmux = startCommand([modulePath(name)], {}, engine);
    const [port] = (await netmux.line('listening')).split(' ');
    const peer = await Peer.connect(Number(port));
    await peer.expect('hello\n');
    netmux.process.kill('SIGTERM');
    expect(await peer.end()).toMatchObject({ by: 'fin' });
    await peer.finish();
    expect(await netmux.ending()).toMatchObject({ code: 0, signal: null });
  });

  it('a server, whose constructor goes before the command line', async () => {
    const netmux = startCommand([modulePath('instance.mjs'), '--greeting', 'from the command line', '--', '--word'], {}, engine);
    const [port, words] = (await netmux.line('listening')).split(' ');
    expect(words).toBe('--word');
    await (await Peer.connect(Number(port))).expect('from the constructor\n');
    netmux.process.kill('SIGINT');
    expect(await netmux.ending()).toMatchObject({ code: 0, signal: null });
  });

  it('a server that its module has started already: it is left to it, with the options of the command line', async () => {
    const netmux = startCommand([modulePath('running.mjs'), '--log_level=1'], {}, engine);
    await (await Peer.connect(Number(await netmux.line('listening')))).expect('hello\n');
    netmux.process.kill('SIGINT');
    expect(await netmux.ending()).toMatchObject({ code: 0, stderr: expect.not.stringContaining('starting!') });
  });
});

describe('the netmux command', () => {
  it('hands the words behind the module to the server', async () => {
    const conf_file = join(temporaryDirectory(), 'greeter.conf');
    writeFileSync(conf_file, 'greeting from the file\nlog_level 0\n');
    const netmux = startCommand([modulePath('greeter.mjs'), 'one', '--conf_file', conf_file, 'two']);
    const [port, words] = (await netmux.line('listening')).split(' ');
    expect(words).toBe('one,two');
    await (await Peer.connect(Number(port))).expect('from the file\n');
  });

  it.each([[['--help']], [['--version']], [['doctor', '--connections=1']], [[modulePath('greeter.mjs'), '--help']]])(
    'is content with a reader that has gone: %s',
    async (words) => {
      const netmux = startCommand(words);
      netmux.process.stdout!.destroy();
      expect(await netmux.ending()).toMatchObject({ code: 0, stderr: '' });
    },
  );

  it.skipIf(process.platform !== 'linux')('says in one line that there is no room for what it was asked for', async () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const { code, stderr } = await startCommand(['--help'], { stdio: ['ignore', full, 'pipe'] }).ending();
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'netmux: standard output: ENOSPC: no space left on device, write\n' });
  });

  it('lists the options of the module’s server, its own and its defaults included', async () => {
    const { code, stdout, stderr } = await startCommand([modulePath('greeter.mjs'), '--port=7', '--help']).ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^usage: netmux .+greeter\.mjs \[--OPTION=VALUE\]/);
    expect(stdout).toMatch(/Options of this server\n {2}--greeting=TEXT\n {8}what clients are told first \(default: hello\)\n/);
    for (const text of ['--umask=OCTAL\n', '--conf_file=PATH\n']) expect(stdout).toContain(text);
    const defaults = Object.fromEntries(
      [...stdout.matchAll(/^ {2}--(\w+)[^\n]*\n((?: {8}[^\n]*\n)+)/gm)].map(([, name, text]) => [
        name,
        /default: ([^)]+)\)/.exec(text!)?.[1],
      ]),
    );
    expect(defaults).toMatchObject({ port: '0', host: '127.0.0.1', umask: '27', handle_signals: 'true', log_level: '2' });
  });

  it('leaves words behind -- alone, also --help', async () => {
    const netmux = startCommand([modulePath('greeter.mjs'), '--', '--help']);
    expect((await netmux.line('listening')).split(' ')[1]).toBe('--help');
  });

  it.each([['--help'], ['-h'], ['doctor --help']])('%s: how it is called', async (words) => {
    const { code, stdout, stderr } = await startCommand(words.split(' ')).ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^usage: netmux MODULE /);
    expect(stdout).toContain('netmux doctor');
  });

  it.each([
    ['no word', [], 'which module? (netmux --help)'],
    ['an empty word', [''], 'which module? (netmux --help)'],
    ['an option before the module', ['--port', '7000'], '--port: options of a server stand behind its module (netmux --help)'],
    ['an unknown option of doctor', ['doctor', '--colour'], "doctor: Unknown option '--colour'"],
    ['a word for doctor', ['doctor', 'who'], "doctor: Unexpected argument 'who'"],
    ['a number that is none', ['doctor', '--connections=many'], 'doctor: --connections=many: must be a whole number from 1 to 100000000'],
    ['no connections', ['doctor', '--connections=0'], 'doctor: --connections=0: must be a whole number from 1 to 100000000'],
  ])('%s: one line, status 2', async (_what, words, complaint) => {
    expect(await startCommand(words).ending()).toMatchObject({ code: 2, stdout: '', stderr: `netmux: ${complaint}\n` });
  });
});

describe.skipIf(!engines.includes('native'))('netmux --background', () => {
  it('ends when the server serves, which runs the same command, wherever that was given', async () => {
    const folder = temporaryDirectory();
    const files = { pid_file: join(folder, 'pid'), log_file: join(folder, 'log') };
    const path = modulePath('greeter.mjs');
    const words = ['--background', '--greeting', 'good morning', ...Object.entries(files).flatMap(([name, file]) => [`--${name}`, file])];
    const first = startCommand([`./${basename(path)}`, ...words], { cwd: dirname(path) });
    const { code, stdout, stderr } = await first.ending();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const pid = Number(readFileSync(files.pid_file, 'utf8'));
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    expect(pid).not.toBe(first.process.pid);
    const [, port] = /^listening (\d+)/.exec(stdout) ?? [];
    const peer = await Peer.connect(Number(port));
    await peer.expect('good morning\n');
    await peer.finish();
    process.kill(pid, 'SIGTERM');
    await eventually('it has ended', () => !isAlive(pid));
    expect(existsSync(files.pid_file)).toBe(false);
    expect(readFileSync(files.log_file, 'utf8')).toMatch(/ Server closing!\n$/);
  });
});

describe.skipIf(!engines.includes('native'))('netmux on HUP', () => {
  it('goes on serving if the module is not there any more, and serves what it has become if it is', async () => {
    const folder = temporaryDirectory();
    const [path, elsewhere] = [join(folder, 'server.mjs'), join(folder, 'elsewhere.mjs')];
    const greeting = (text: string) => `export default {
      port: 0,
      host: '127.0.0.1',
      chdir: '/',
      mux_connection: (mux, fh) => void fh.say('${text}'),
      pre_loop_hook() { console.log('${text}', this.listeners[0].localPort); },
    };`;
    writeFileSync(path, greeting('old'));
    const netmux = startCommand(['server.mjs'], { cwd: folder });
    let stderr = '';
    netmux.process.stderr!.on('data', (text) => {
      stderr += text;
    });
    const port = Number(await netmux.line('old'));
    renameSync(path, elsewhere);
    netmux.process.kill('SIGHUP');
    await eventually('it says why not', () => stderr.includes(`No restart: the program is not there any more: ${path}`));
    await (await Peer.connect(port)).expect('old\n');
    writeFileSync(path, greeting('new'));
    netmux.process.kill('SIGHUP');
    expect(Number(await netmux.line('new'))).toBe(port);
    await (await Peer.connect(port)).expect('new\n');
    netmux.process.kill('SIGINT');
    expect(await netmux.ending()).toMatchObject({ code: 0 });
  });
});

describe('the published command', () => {
  const { bin, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: { netmux: string }; version: string };

  it('begins with what a shell needs, and tells the version of the package', async () => {
    const path = join(ROOT, bin.netmux);
    expect(readFileSync(path, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(statSync(path).isFile()).toBe(true);
    for (const word of ['--version', '-v']) {
      expect(await run(process.execPath, [path, word])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  it('serves a module that has netmux for itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netmux-command-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'help.mjs');
    // Another copy of the package: its classes are not those of the command.
    const { NETMUX_LIBRARY: copy } = (await import('../mux/child-program.js')).programEnvironment('native');
    writeFileSync(
      file,
      `const { MultiplexServer } = await import(${JSON.stringify(copy)});\nexport default class extends MultiplexServer {}\n`,
    );
    const { code, stdout } = await run(process.execPath, [join(ROOT, bin.netmux), file, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--conf_file');
  });
});
