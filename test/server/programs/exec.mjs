// Replaces itself, as the first argument says, by itself with the argument `second`, with a listening socket that stays open.
import { fstatSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { isMainThread, Worker } from 'node:worker_threads';

const { changeRoot, replaceProcess, setCloseOnExec } = await import(new URL('./mux/process-calls.js', process.env.NETMUX_LIBRARY));
const [mode, ...rest] = process.argv.slice(2);

function isOpen(descriptor) {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

if (mode === 'second') {
  const [kept, closed] = rest.map(Number);
  const server = createServer((socket) => socket.end(`second ${process.pid}`));
  server.listen({ fd: kept }, () =>
    console.log(
      `second ${JSON.stringify({ pid: process.pid, environment: process.env.GREETING, unset: process.env.UNSET, closed: isOpen(closed), title: process.argv0 })}`,
    ),
  );
  process.on('SIGTERM', () => process.exit(5));
} else if (mode === 'fails') {
  process.on('SIGHUP', () => console.log('hup'));
  process.on('SIGTERM', () => process.exit(6));
  for (const [file, args, environment] of [
    ['/no/such/program', ['x'], {}],
    ['/etc', ['x'], {}],
    [process.execPath, ['node', 'x'.repeat(3_000_000)], {}],
    ['/etc/passwd\0', [], {}],
  ]) {
    try {
      replaceProcess(file, args, environment);
    } catch (error) {
      console.log(`error ${error.code} ${error.syscall} ${error.address}`);
    }
  }
  console.log('still first');
  setInterval(() => {}, 1000);
} else if (mode === 'status') {
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGTERM']) process.on(signal, () => {});
  replaceProcess('/bin/cat', ['cat', '/proc/self/status'], {});
} else if (mode === 'worker') {
  if (isMainThread) {
    new Worker(new URL(import.meta.url), { argv: ['worker'] });
  } else {
    for (const call of [() => replaceProcess('/bin/true', [], {}), () => changeRoot('/usr')]) {
      try {
        call();
      } catch (error) {
        console.log(`error ${error.code}`);
      }
    }
  }
} else {
  const server = createServer((socket) => socket.end(`first ${process.pid}`));
  server.listen(0, '127.0.0.1', () => {
    const { fd } = server._handle;
    const closed = openSync('/dev/null');
    setCloseOnExec(fd, false);
    console.log(`first ${server.address().port}`);
    process.on('exit', () => console.log('exit listener'));
    process.stdin.resume().on('end', () => {
      // Nothing is accepted from here on: who connects now waits in the kernel.
      console.log('busy');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      const command = [...process.execArgv, process.argv[1], 'second', String(fd), String(closed)];
      replaceProcess(process.execPath, ['other-name', ...command], { ...process.env, GREETING: 'hello = wörld', UNSET: undefined });
    });
  });
}
