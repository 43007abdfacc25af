/** HUP: the program is executed again with its sockets, and nobody notices (docs/from-perl.md, D24). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engines, type TestedEngine } from '../engines.js';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';
import { Peer } from '../mux/peer.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { DatagramReceiver } from './datagram-receiver.js';
import { startProgram } from './program.js';
import { clientsAreLate, inTime, Load } from './restart-load.js';
import { openDatagramPeer } from './running.js';

const PROGRAM = fileURLToPath(new URL('./programs/restart.mjs', import.meta.url));

/** Two-digit generations would make answers of two lengths. */
const RESTARTS = 10;

/** A program on a port of the kernel's choice. */
async function serving(engine: TestedEngine, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const program = startProgram(engine, 'restart', ['--host=127.0.0.1', '--ipv=4', ...args], { env });
  const [pid, ports] = (await program.line('serving 1')).split(' ');
  return { program, pid: Number(pid), port: Number(ports!.split(',')[0]) };
}

/** Restarts the program. @returns the ports that the next one serves */
async function restart(program: ChildProgram, generation: number): Promise<string[]> {
  program.process.kill('SIGHUP');
  return nextPorts(program, generation);
}

async function nextPorts(program: ChildProgram, generation: number): Promise<string[]> {
  const [, ports] = (await program.line(`serving ${generation}`)).split(' ');
  return ports!.split(',');
}

async function answer(port: number | string, question = 'hello'): Promise<string> {
  const peer = await Peer.connect(port);
  await peer.send(`${question}\n`);
  const text = (await peer.receive(question.length + 3)).toString();
  peer.socket.destroy();
  return text.trimEnd();
}

// Executing a program needs the addon, whichever engine moves the bytes.
const canRestart = engines.includes('native');

describe.skipIf(!canRestart).each(['native', 'node'] as const)('a restart (%s engine)', (engine) => {
  it.skipIf(clientsAreLate)(
    inTime('under load: nobody is refused or reset, and each request gets its whole answer'),
    { timeout: 120_000 },
    async () => {
      const { program, pid, port } = await serving(engine, ['--port=0'], {});
      const kept = await Promise.all(Array.from({ length: 20 }, () => Peer.connect(port)));
      const load = new Load(port, 20);
      for (let generation = 2; generation <= RESTARTS + 1; generation += 1) {
        const before = load.answered;
        await eventually('more answers', () => load.answered >= before + 50);
        expect(await restart(program, generation)).toEqual([String(port)]);
      }
      expect((await program.line(`serving ${RESTARTS + 1}`)).split(' ')[0]).toBe(String(pid));
      const { failures, generations } = await load.stop();
      expect(failures).toEqual([]);
      expect(generations).toEqual(Array.from({ length: RESTARTS + 1 }, (_, index) => index + 1));
      for (const peer of kept) expect(await peer.end()).toMatchObject({ text: '', by: 'fin' });
    },
  );

  it('of a UNIX socket keeps its file, which goes with the last program', { timeout: 60_000 }, async () => {
    const path = join(temporaryDirectory(), 'socket');
    const { program } = await serving(engine, [`--port=${path}|unix`]);
    const file = statSync(path).ino;
    const load = new Load(path, 5);
    for (let generation = 2; generation <= 4; generation += 1) {
      const before = load.answered;
      await eventually('more answers', () => load.answered >= before + 20);
      await restart(program, generation);
    }
    const { failures, generations } = await load.stop();
    expect(failures).toEqual([]);
    expect(generations).toEqual([1, 2, 3, 4]);
    expect(statSync(path).ino).toBe(file);
    program.process.kill('SIGTERM');
    await program.ending();
    expect(statSync(path, { throwIfNoEntry: false })).toBe(undefined);
  });

  it('reads the configuration again: ports come and go', async () => {
    const file = join(temporaryDirectory(), 'conf');
    const socket = join(temporaryDirectory(), 'socket');
    writeFileSync(file, `port 127.0.0.1:0\nport ${socket}|unix\n`);
    const { program, port } = await serving(engine, [`--conf_file=${file}`]);
    writeFileSync(file, 'port 127.0.0.1:0\nport 127.0.0.1:0\n');
    const ports = await restart(program, 2);
    expect(ports[0]).toBe(String(port));
    expect(ports).toHaveLength(2);
    expect(await answer(Number(ports[1]))).toBe('2 hello');
    expect(statSync(socket, { throwIfNoEntry: false })).toBe(undefined);
    writeFileSync(file, `port 127.0.0.1:${ports[1]}\n`);
    expect(await restart(program, 3)).toEqual([ports[1]]);
    expect(await answer(Number(ports[1]))).toBe('3 hello');
    await expect(answer(port)).rejects.toThrow('ECONNREFUSED');
  });

  it('is refused by a bad configuration, whatever is bad about it, and the server goes on', { timeout: 60_000 }, async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    onTestFinished(() => void busy.close());
    const conf = join(temporaryDirectory(), 'conf');
    const good = 'port 127.0.0.1:0\n';
    writeFileSync(conf, good);
    const { program, port } = await serving(engine, [`--conf_file=${conf}`]);
    const peer = await Peer.connect(port);
    const bad = {
      'conf:2: nonsense': 'nonsense 1\n',
      'Address already in use': `port 127.0.0.1:0\nport 127.0.0.1:${(busy.address() as { port: number }).port}\n`,
      'No such user "nobody-of-that-name"': 'user nobody-of-that-name\n',
      'option log_file: ENOENT': 'log_file /no/such/folder/log\n',
      'conf:2: cidr_allow': 'cidr_allow 300.1.1.1/8\n',
      'No such group "no-group"': 'group no-group\n',
      "Couldn't open pid_file": 'pid_file /no/such/folder/pid\n',
      'option chdir: ENOENT': 'chdir /no/such/folder\n',
      'option chown_files: there is no file "/no/such/file"': 'chown_files /no/such/file\n',
      'conf:2: log_function: this server has no method no_such': 'log_function no_such\n',
      ...(engine === 'node' && { 'the pure-Node engine does not offer `keepAliveInterval`': 'keep_alive_interval 5\n' }),
    };
    for (const [reason, text] of Object.entries(bad)) {
      writeFileSync(conf, good + text);
      const refusals = program.stderr.split('No restart: ').length;
      program.process.kill('SIGHUP');
      await eventually(reason, () => program.stderr.split('No restart: ').length > refusals);
      expect(program.stderr.split('No restart: ').at(-1)).toContain(reason);
      await peer.send('still here\n');
      await peer.expect('1 still here\n');
    }
    expect(await answer(port)).toBe('1 hello');
    writeFileSync(conf, good);
    expect(await restart(program, 2)).toEqual([String(port)]);
  });

  it('that execve refuses, when all is closed already, is undone', async () => {
    const { program, port } = await serving(engine, ['--port=0']);
    const peer = await Peer.connect(port);
    await peer.send('grow 3000000\n');
    await peer.send('done\n');
    await peer.expect('1 done\n');
    program.process.kill('SIGHUP');
    await program.line('leaving 1');
    expect(await answer(port)).toBe('1 hello');
    await eventually('the reason', () => program.stderr.includes('No restart: execve E2BIG'));
    program.process.kill('SIGTERM');
    expect(await program.ending()).toMatchObject({ code: 0 });
  });

  it('flushes what is queued, and accepts meanwhile', async () => {
    const { program, port } = await serving(engine, ['--port=0', '--restart_drain_timeout=30']);
    const bytes = 16 * 1024 * 1024;
    const slow = await Peer.connect(port, { reading: false });
    await slow.send(`fill ${bytes}\n`);
    expect(await answer(port)).toBe('1 hello');
    program.process.kill('SIGHUP');
    await eventually('the signal', () => program.stderr.includes('Received a SIG HUP'));
    expect(await answer(port)).toBe('1 hello');
    slow.startReading();
    expect(await slow.end()).toMatchObject({ bytes, by: 'fin' });
    await slow.finish();
    await nextPorts(program, 2);
  });

  it('lets a client in that is being decided about, and answers it', async () => {
    const file = join(temporaryDirectory(), 'admission');
    const args = ['--port=0', '--restart_drain_timeout=600', '--allow_deny_timeout=600'];
    const { program, port } = await serving(engine, args, { ADMISSION_FILE: file });
    const peer = await Peer.connect(port);
    await peer.send('hello\n');
    await program.line('deciding 1');
    program.process.kill('SIGHUP');
    await eventually('the signal', () => program.stderr.includes('Received a SIG HUP'));
    await sleep(1000); // the quiet time of a connection that is not spared, several times
    writeFileSync(file, '');
    await peer.expect('1 hello\n');
    await nextPorts(program, 2);
  });

  it('ends where TERM comes meanwhile: nothing is executed, and all output is flushed', async () => {
    const { program, port } = await serving(engine, ['--port=0', '--drain_timeout=600', '--restart_drain_timeout=600']);
    const bytes = 16 * 1024 * 1024;
    const slow = await Peer.connect(port, { reading: false });
    await slow.send(`fill ${bytes}\n`);
    expect(await answer(port)).toBe('1 hello');
    program.process.kill('SIGHUP');
    await eventually('the signal', () => program.stderr.includes('Received a SIG HUP'));
    program.process.kill('SIGTERM');
    slow.startReading();
    expect(await slow.end()).toMatchObject({ bytes, by: 'fin' });
    await slow.finish();
    const { code, stdout } = await program.ending();
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(2, -1)).toEqual(['closing 1']);
  });

  it('asked for many times in a row happens, and does not end the process', async () => {
    const { program, port } = await serving(engine, ['--port=0']);
    for (let count = 0; count < 10; count += 1) {
      program.process.kill('SIGHUP');
      await sleep(20);
    }
    expect(await nextPorts(program, 2)).toEqual([String(port)]);
    expect(await answer(port)).toMatch(/^\d hello$/);
    program.process.kill('SIGTERM');
    expect(await program.ending()).toMatchObject({ code: 0 });
  });

  it('that TERM takes back leaves no new pid file and no new socket', async () => {
    const folder = temporaryDirectory();
    const conf = join(folder, 'conf');
    writeFileSync(conf, `port 127.0.0.1:0\npid_file ${folder}/pid\n`);
    const { program, port } = await serving(engine, [`--conf_file=${conf}`, '--restart_drain_timeout=600']);
    const slow = await Peer.connect(port, { reading: false });
    await slow.send(`fill ${16 * 1024 * 1024}\n`);
    writeFileSync(conf, `port 127.0.0.1:0\nport ${folder}/socket|unix\npid_file ${folder}/another\n`);
    program.process.kill('SIGHUP');
    await eventually('the new socket', () => existsSync(`${folder}/socket`));
    program.process.kill('SIGINT');
    expect(await program.ending()).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).toEqual(['conf']);
  });

  it('asked for once more while the program is being loaded happens once more', async () => {
    const { program, port } = await serving(engine, ['--port=0'], { LOADING_MS: '300' });
    program.process.kill('SIGHUP');
    await program.line('loading 2');
    program.process.kill('SIGHUP');
    expect(await nextPorts(program, 3)).toEqual([String(port)]);
  });
});

describe.skipIf(!canRestart)('a restart', () => {
  it('keeps a datagram socket, and what waits in it', async () => {
    const { program, port } = await serving('native', ['--port=0', '--proto=udp']);
    const peer = await openDatagramPeer();
    program.process.kill('SIGHUP');
    await program.line('leaving 1');
    await peer.send('hello', port);
    expect(await peer.receive()).toMatch(/^[12] hello$/);
    expect(await nextPorts(program, 2)).toEqual([String(port)]);
  });

  it('is refused where the program is not there any more', async () => {
    const script = join(temporaryDirectory(), 'restart.mjs');
    copyFileSync(PROGRAM, script);
    const program = new ChildProgram(spawn(process.execPath, [script, '--port=127.0.0.1:0'], { env: programEnvironment('native') }));
    const [port] = await nextPorts(program, 1);
    renameSync(script, `${script}.old`);
    program.process.kill('SIGHUP');
    await eventually('the reason', () => program.stderr.includes(`No restart: the program is not there any more: ${script}`));
    expect(await answer(Number(port))).toBe('1 hello');
    renameSync(`${script}.old`, script);
    expect(await restart(program, 2)).toEqual([port]);
  });

  it('tells the service manager, and keeps the sockets that it has opened', async () => {
    const unit = createServer().listen(0, '127.0.0.1');
    await once(unit, 'listening');
    onTestFinished(() => void unit.close());
    const { port } = unit.address() as { port: number };
    const { fd } = (unit as unknown as { _handle: { fd: number } })._handle;
    const directory = temporaryDirectory();
    const manager = await DatagramReceiver.open(join(directory, 'notify'));
    const conf = join(directory, 'conf');
    writeFileSync(conf, '');
    const env = programEnvironment('native', { NOTIFY_SOCKET: join(directory, 'notify') });
    const command = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES="a|b; c" exec "$0" "$@"';
    const args = ['-c', command, process.execPath, PROGRAM, `--conf_file=${conf}`];
    const program = new ChildProgram(spawn('sh', args, { env, stdio: ['ignore', 'pipe', 'pipe', fd] }));
    expect(await nextPorts(program, 1)).toEqual([String(port)]);
    expect(await restart(program, 2)).toEqual([String(port)]);
    // Its log comes through another pipe than what it says first.
    await eventually('both lines', () => program.stderr.match(/Taking over socket "a\|b; c"/g)?.length === 2);
    const reloading = expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    expect(await manager.until(3)).toEqual(['READY=1', reloading, 'READY=1']);
    writeFileSync(conf, 'nonsense 1\n');
    program.process.kill('SIGHUP');
    expect((await manager.until(5)).slice(3)).toEqual([reloading, 'READY=1']);
  });

  it('lets nobody else have the pid file meanwhile', async () => {
    const file = join(temporaryDirectory(), 'pid');
    const { program, pid } = await serving('native', ['--port=0', `--pid_file=${file}`], { LOADING_MS: '1000' });
    program.process.kill('SIGHUP');
    // Nothing is locked while it loads.
    await program.line('loading 2');
    const rival = startProgram('native', 'restart', ['--port=127.0.0.1:0', `--pid_file=${file}`]);
    expect(await rival.ending()).toMatchObject({ stderr: expect.stringContaining(`running process (${pid})`) });
    await nextPorts(program, 2);
    expect(readFileSync(file, 'utf8')).toBe(`${pid}\n`);
  });

  it('leaves no trace in the flags that children get', async () => {
    const { program } = await serving('native', ['--port=0']);
    await restart(program, 2);
    await restart(program, 3);
    expect(await program.line('serving 3')).toMatch(/ 0$/);
  });
});
