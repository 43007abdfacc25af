/** A server that systemd has started: it takes over sockets, and tells how it is. Descriptors can be taken over on the native engine only. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engines } from '../engines.js';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';
import { Peer } from '../mux/peer.js';
import { temporaryDirectory } from '../mux/scene.js';
import { DatagramReceiver } from './datagram-receiver.js';
import { startProgram } from './program.js';

const PROGRAM = fileURLToPath(new URL('./programs/signals.mjs', import.meta.url));

/** A listening socket of this process, as a service manager has one. */
async function socketUnit(): Promise<{ port: number; descriptor: number }> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { port: (server.address() as { port: number }).port, descriptor: fd };
}

/** Starts the program as a service manager does, which knows the process id before it starts the command. */
function startUnit(descriptor: number, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProgram {
  const pid = environment.LISTEN_PID === undefined ? 'LISTEN_PID=$$ ' : '';
  const command = `${pid}LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" "$@"`;
  return new ChildProgram(
    spawn('sh', ['-c', command, process.execPath, PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', descriptor],
      env: programEnvironment('native', environment),
    }),
  );
}

describe.skipIf(!engines.includes('native'))('a server started by a service manager', () => {
  it('serves the sockets that it was handed, in the place of a port that nobody has configured', async () => {
    const { port, descriptor } = await socketUnit();
    const program = startUnit(descriptor, [], { WITHOUT_PORT: '1' });
    expect(Number(await program.line('listening'))).toBe(port);
    program.process.kill('SIGKILL');
  });

  it('binds what is configured beside them, but not what it was handed already', async () => {
    const { port, descriptor } = await socketUnit();
    const program = startUnit(descriptor, [`--port=${port}`, '--port=0']);
    expect(Number(await program.line('listening'))).toBe(port);
    expect(Number(await program.line('and'))).toBeGreaterThan(0);
    program.process.kill('SIGKILL');
  });

  it('serves them for a configured port of any address with the same number', async () => {
    const { port, descriptor } = await socketUnit();
    const program = startUnit(descriptor, [`--port=*:${port}`, '--port=0']);
    expect(Number(await program.line('listening'))).toBe(port);
    expect(Number(await program.line('and'))).not.toBe(port);
    program.process.kill('SIGKILL');
  });

  it('ignores sockets that were meant for another process', async () => {
    const { port, descriptor } = await socketUnit();
    const program = startUnit(descriptor, ['--port=0'], { LISTEN_PID: '1' });
    expect(Number(await program.line('listening'))).not.toBe(port);
    program.process.kill('SIGKILL');
  });

  it('says when it is ready, and when it stops', async () => {
    const path = join(temporaryDirectory(), 'notify');
    const manager = await DatagramReceiver.open(path);
    const program = startProgram('native', 'signals', [], { env: { NOTIFY_SOCKET: path } });
    const peer = await Peer.connect(Number(await program.line('listening')));
    expect(await manager.until(1)).toEqual(['READY=1']);
    program.process.kill('SIGTERM');
    expect(await manager.until(2)).toEqual(['READY=1', 'STOPPING=1']);
    await peer.finish();
    expect(await program.ending()).toMatchObject({ code: 0 });
  });

  it('is told who serves when that is not the process that it has started', async () => {
    const path = join(temporaryDirectory(), 'notify');
    const manager = await DatagramReceiver.open(path);
    const args = ['--port=0', '--background', '--drain_timeout=0'];
    const program = startProgram('native', 'signals', args, { env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '60000000' } });
    const [ready] = await manager.until(1);
    const pid = Number(/^MAINPID=(\d+)\nREADY=1$/.exec(ready!)![1]);
    expect(await program.ending()).toMatchObject({ code: 0 });
    expect(pid).not.toBe(program.process.pid);
    process.kill(pid, 'SIGTERM');
    expect((await manager.until(3)).slice(1)).toEqual(['WATCHDOG=1', 'STOPPING=1']);
  });

  it('cannot hand sockets to a server that goes to the background, which says so', async () => {
    const { descriptor } = await socketUnit();
    const { code, stderr } = await startUnit(descriptor, ['--background']).ending();
    expect(code).toBe(1);
    expect(stderr).toContain('sockets of a service manager (LISTEN_FDS) cannot be taken to the background');
  });
});
