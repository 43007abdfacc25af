/** Socket activation and readiness as systemd has them, with a receiver of our own in its place (T42). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ServiceNotifier, takeInheritedSockets } from '../../src/server/systemd.js';
import { engines } from '../engines.js';
import { ChildProgram } from '../mux/child-program.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { daemonCommand, daemonEnvironment } from './daemon-program.js';
import { DatagramReceiver } from './datagram-receiver.js';

const describeHere = describe.skipIf(!engines.includes('native'));

interface Seen {
  sockets: { descriptor: number; name: string; isSocket: boolean }[];
  names: string[];
  again: unknown[];
  inherited: string;
  environment: Record<string, string>;
}

/** Starts the service as systemd does: a variable may have the value `$$`, the process id that the service will have. */
function startService(variables: Record<string, string>, descriptors: readonly number[] = []): ChildProgram {
  const [node, ...args] = daemonCommand('systemd');
  const assignments = Object.entries(variables).map(([name, value]) => `export ${name}=${value === '$$' ? '$$' : `'${value}'`};`);
  const child: ChildProcess = spawn('sh', ['-c', `${assignments.join(' ')} exec "$0" "$@"`, node, ...args], {
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
    env: daemonEnvironment(),
  });
  return new ChildProgram(child);
}

async function seenBy(service: ChildProgram): Promise<Seen> {
  return JSON.parse(await service.line('sockets')) as Seen;
}

async function listening(): Promise<{ server: Server; descriptor: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { server, descriptor: (server as unknown as { _handle: { fd: number } })._handle.fd };
}

describeHere('socket activation', () => {
  it('hands over the sockets with their names, once, and to no child (T42)', async () => {
    const [first, second] = [await listening(), await listening()];
    const descriptors = [first.descriptor, second.descriptor];
    const service = startService({ LISTEN_PID: '$$', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin' }, descriptors);
    expect(await seenBy(service)).toEqual({
      sockets: [
        { descriptor: 3, name: 'web', isSocket: true },
        { descriptor: 4, name: 'admin', isSocket: true },
      ],
      names: [],
      again: [],
      inherited: '',
      environment: {},
    });
  });

  it('without names, or with too few of them, calls the others unknown', async () => {
    const { descriptor } = await listening();
    const service = startService({ LISTEN_PID: '$$', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web' }, [descriptor, descriptor]);
    expect((await seenBy(service)).sockets.map(({ name }) => name)).toEqual(['web', 'unknown']);
  });

  it.each([
    ['another process', { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'web' }],
    ['nobody', { LISTEN_FDS: '1' }],
  ])('that was meant for %s is ignored, and its variables go', async (_whom, variables) => {
    const { descriptor } = await listening();
    const seen = await seenBy(startService(variables, [descriptor]));
    expect(seen).toMatchObject({ sockets: [], names: [], inherited: '3\n' });
  });

  it.each([{ LISTEN_FDS: '0' }, { LISTEN_FDS: 'two' }, { LISTEN_FDS: '-1' }, { LISTEN_FDS: '9999999' }, {}])(
    'of no sensible number is ignored: %j',
    (given) => {
      const environment: NodeJS.ProcessEnv = { LISTEN_PID: String(process.pid), ...given, OTHER: 'x' };
      expect(takeInheritedSockets(environment)).toEqual([]);
      expect(environment).toEqual({ OTHER: 'x' });
    },
  );

  it('of a descriptor that is not open is an error', () => {
    const environment = { LISTEN_PID: String(process.pid), LISTEN_FDS: '1000' };
    expect(() => takeInheritedSockets(environment)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});

describeHere('readiness', () => {
  it.each([
    ['a path', (directory: string) => join(directory, 'n'), (path: string) => path],
    ['an abstract name', () => `netmux-test-${process.pid}-${Math.random()}`, (name: string) => `@${name}`],
  ])('is told step by step to %s', async (kind, nameIn, variableOf) => {
    if (kind === 'an abstract name' && process.platform !== 'linux') return;
    const name = nameIn(temporaryDirectory());
    const manager = await DatagramReceiver.open(kind === 'a path' ? name : `\0${name}`);
    const service = startService({ NOTIFY_SOCKET: variableOf(name) });
    expect(await seenBy(service)).toMatchObject({ names: [], environment: { NOTIFY_SOCKET: variableOf(name) } });
    const before = process.hrtime.bigint() / 1000n;
    for (const line of ['status:opening\n', 'ready\n', 'reloading\n', 'ready\n', 'stopping\n']) service.process.stdin!.write(line);
    service.process.stdin!.end();
    expect(await service.line('failures')).toBe('[]');
    const messages = await manager.until(5);
    const [reload, clock] = messages[2]!.split('\n');
    expect([...messages.slice(0, 2), reload, ...messages.slice(3)]).toEqual([
      'STATUS=opening',
      'READY=1',
      'RELOADING=1',
      'READY=1',
      'STOPPING=1',
    ]);
    // Both processes read the clock of the system, and the reload lies between two readings of ours.
    const usec = BigInt(/^MONOTONIC_USEC=(\d+)$/.exec(clock!)![1]!);
    expect(usec).toBeGreaterThan(before);
    expect(usec).toBeLessThan(process.hrtime.bigint() / 1000n);
  });

  it('is followed by a sign of life twice in each watchdog period, until the end', async () => {
    const path = join(temporaryDirectory(), 'n');
    const manager = await DatagramReceiver.open(path);
    const service = startService({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000', WATCHDOG_PID: '$$' });
    expect((await seenBy(service)).names).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(manager.messages).toEqual([]);
    const start = performance.now();
    service.process.stdin!.write('ready\nready\n');
    const pings = () => manager.messages.filter((message) => message === 'WATCHDOG=1').length;
    await eventually('eleven signs of life', () => pings() >= 11);
    // Ten periods of 100 ms lie between eleven signs: half of WATCHDOG_USEC each, and not one of them early.
    expect(performance.now() - start).toBeGreaterThan(900);
    expect(performance.now() - start).toBeLessThan(2000);
    service.process.stdin!.end();
    await service.line('failures');
    expect((await service.ending()).code).toBe(0);
  });

  it('has no watchdog where it is for another process', async () => {
    const path = join(temporaryDirectory(), 'n');
    const manager = await DatagramReceiver.open(path);
    const service = startService({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' });
    await seenBy(service);
    service.process.stdin!.write('ready\n');
    await service.line('did ready');
    await new Promise((resolve) => setTimeout(resolve, 200));
    service.process.stdin!.end();
    await service.line('failures');
    expect(manager.messages).toEqual(['READY=1']);
  });

  it('needs no manager', () => {
    const failures: Error[] = [];
    const notifier = new ServiceNotifier((error) => failures.push(error), {});
    for (const step of [() => notifier.ready(), () => notifier.reloading(), () => notifier.stopping(), () => notifier.status('x')]) step();
    notifier.close();
    expect(failures).toEqual([]);
  });

  it.each([
    ['that is not there', '/no/such/socket', 'ENOENT'],
    ['of a kind we do not know', 'vsock:2:1234', undefined],
    ['without a name', '@', undefined],
  ])('to a manager %s fails without ending anything', (_which, socket, code) => {
    const failures: Error[] = [];
    const notifier = new ServiceNotifier((error) => failures.push(error), { NOTIFY_SOCKET: socket });
    notifier.ready();
    notifier.close();
    expect(failures).toEqual([expect.objectContaining({ code, message: expect.stringMatching(/^NOTIFY_SOCKET: /) })]);
  });

  it('to a manager that has gone is told, and ends nothing', async () => {
    const path = join(temporaryDirectory(), 'n');
    const manager = await DatagramReceiver.open(path);
    const failures: Error[] = [];
    const notifier = new ServiceNotifier((error) => failures.push(error), { NOTIFY_SOCKET: path });
    onTestFinished(() => notifier.close());
    await manager.close();
    notifier.stopping();
    expect(failures).toMatchObject([{ code: 'ECONNREFUSED' }]);
  });

  it('keeps a status in one line', async () => {
    const path = join(temporaryDirectory(), 'n');
    const manager = await DatagramReceiver.open(path);
    const notifier = new ServiceNotifier(() => {}, { NOTIFY_SOCKET: path });
    onTestFinished(() => notifier.close());
    notifier.status('serving\nREADY=1');
    expect(await manager.until(1)).toEqual(['STATUS=serving READY=1']);
  });
});
