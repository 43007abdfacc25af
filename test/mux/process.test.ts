/** What a multiplexer does to the process it lives in: keeping it alive, leaving it, and what it inherits. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { describeEngines, kernelIsDifficult } from '../engines.js';
import { ChildProgram, programEnvironment, programPath, start } from './child-program.js';
import { Peer } from './peer.js';
import { temporaryDirectory } from './scene.js';

const hasScript = spawnSync('script', ['--version']).status === 0;

describeEngines('the process', (engine) => {
  it('is kept alive by a loop with a listener, and goes when told to', async () => {
    const program = start(engine, 'keep-alive', ['nothing']);
    const port = Number(await program.line('listening'));
    const peer = await Peer.connect(port);
    await peer.send('alive');
    await peer.expect('alive');
    program.process.kill('SIGTERM');
    expect(await program.ending()).toMatchObject({ signal: 'SIGTERM' });
  });

  it.each(['unref listener', 'unref client', 'unref timer'])('%s: ends by itself with code 0', async (what) => {
    const { code, signal, stdout, stderr } = await start(engine, 'keep-alive', [what]).ending();
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(stdout).not.toContain('fired');
  });

  it('is kept alive by a closed connection until its peer has everything, although the loop is over', async () => {
    const program = start(engine, 'keep-alive', ['linger']);
    const peer = await Peer.connect(Number(await program.line('listening')), { reading: false });
    await peer.send('x');
    await program.line('over');
    await peer.send('unread'); // where the process were gone, this would be answered with a reset
    await peer.send('and more');
    peer.startReading();
    await peer.finish();
    expect(await peer.end()).toMatchObject({ bytes: 150_001, by: 'fin' });
    expect(await program.ending()).toMatchObject({ code: 0, signal: null });
  });

  it('sends what was written before exit()', async () => {
    const program = start(engine, 'keep-alive', ['exit']);
    const peer = await Peer.connect(Number(await program.line('listening')));
    await peer.send('echo');
    const { text } = await peer.end();
    // It is tried once: what the kernel has no room for at that moment is lost with the process, in its order. endLoop() waits.
    if (kernelIsDifficult) expect('echo and last words'.startsWith(text)).toBe(true);
    else expect(text).toBe('echo and last words');
    expect(await program.ending()).toMatchObject({ code: 0, signal: null });
  });

  it('removes its UNIX socket file at exit()', async () => {
    const path = join(temporaryDirectory(), 's');
    const program = start(engine, 'keep-alive', ['exit', path]);
    await program.line('listening');
    expect(existsSync(path)).toBe(true);
    const peer = await Peer.connect(path);
    await peer.send('x');
    await program.ending();
    expect(existsSync(path)).toBe(false);
  });
});

describeEngines('inherited descriptors', (engine) => {
  if (engine !== 'native') {
    it('are not on this engine, and it says so', async () => {
      const { code, stderr } = await start(engine, 'inherited').ending();
      expect(code).toBe(1);
      expect(stderr).toContain('NETMUX_NOT_ON_THIS_ENGINE');
    });
    return;
  }

  it('a socket given as standard input is served', async () => {
    const child = spawn(process.execPath, [programPath('inherited')], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: programEnvironment(engine),
    });
    const program = new ChildProgram(child);
    // Node makes its pipes to children of UNIX sockets: both directions work.
    const socket = child.stdin as unknown as Socket;
    socket.resume();
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString();
    });
    socket.write('hello\nquit\n');
    expect(await program.ending()).toMatchObject({ code: 0, stderr: 'added 0\nover\n' });
    expect(['', 'you said: hello\nyou said: quit\n']).toContain(answer);
  });

  it.skipIf(!hasScript)('a terminal is served', async () => {
    const command = `"${process.execPath}" "${programPath('inherited')}"`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'pipe'], env: programEnvironment(engine) });
    const program = new ChildProgram(child);
    await program.line('added 0');
    child.stdin?.write('hello\n');
    await program.line('you said: hello');
    child.stdin?.write('quit\n');
    await program.line('you said: quit');
    await program.line('over');
    expect(await program.ending()).toMatchObject({ code: 0 });
  });

  it('a listening socket of another process is served through { fd }', async () => {
    const server: Server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const handle = (server as unknown as { _handle: { fd: number } })._handle;
    const program = start(engine, 'listen-fd', [], { stdio: ['ignore', 'pipe', 'pipe', handle.fd] });
    expect(Number(await program.line('listening'))).toBe(port);
    server.close();
    await sleep(10);
    const peer = await Peer.connect(port);
    await peer.expect(`hello from ${program.process.pid}`);
    await peer.send('echo');
    await peer.expect('echo');
    program.process.kill('SIGKILL');
    onTestFinished(() => {
      server.close();
    });
  });
});
