// Starts itself in the background. The second process does what the first argument says, writes what it sees to the file named by the
// second one, and ends when the file named by the third appears.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, fstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const { ownCommand } = await import(new URL('./server/daemon/own-command.js', process.env.NETMUX_LIBRARY));
const { BackgroundStart, redirectToNothing, startInBackground } = await import(
  new URL('./server/daemon/background.js', process.env.NETMUX_LIBRARY)
);
const [mode, report, end] = process.argv.slice(2);
const inherited = process.env.NETMUX_BACKGROUND;
// A process that is started before the mark is noticed must not think that it was meant.
const early = spawnSync(process.execPath, ['--input-type=module', '-e', taking()], { encoding: 'utf8' }).stdout;
const start = BackgroundStart.take();

if (start === undefined) {
  try {
    const pid = await startInBackground(ownCommand());
    console.log(`ready ${pid} ${process.env.NETMUX_BACKGROUND}`);
    process.exit(0);
  } catch (error) {
    console.error(`failed ${error.code} ${error.cause?.code} ${error.message}`);
    process.exit(1);
  }
}

console.log('printed before it was ready');
switch (mode) {
  case 'failed':
    start.failed(Object.assign(new Error('bind EADDRINUSE 127.0.0.1:80'), { code: 'EADDRINUSE' }));
    console.error('the second process tells it, too');
    process.exit(98);
    break;
  case 'throws':
    throw new Error('thrown on purpose');
  case 'exits':
    process.exit(0);
    break;
  case 'killed':
    process.kill(process.pid, 'SIGKILL');
    break;
  case 'nonsense':
    writeFileSync(3, 'nonsense\n');
    break;
  case 'leaves a child':
    // It keeps the standard descriptors of the parent, which must not wait for it.
    spawn('sleep', ['5'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 3] }).unref();
    process.exit(7);
    break;
  case 'hangs':
    writeFileSync(report, JSON.stringify({ pid: process.pid }));
    setInterval(() => {}, 1000);
    break;
  default: {
    const again = BackgroundStart.take();
    redirectToNothing(0, 1, 2);
    console.log('printed after it was ready');
    const status = readFileSync('/proc/self/stat', 'utf8');
    const [, ppid, group, session, terminal] = status
      .slice(status.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const seen = {
      pid: process.pid,
      inherited,
      early,
      again: again === undefined,
      variable: process.env.NETMUX_BACKGROUND,
      ppid,
      group,
      session,
      terminal,
      standard: [0, 1, 2].map((fd) => fstatSync(fd).rdev === fstatSync(0).rdev && fstatSync(fd).isCharacterDevice()),
      argv: process.argv.slice(2),
      execArgv: process.execArgv,
      child: spawnSync(process.execPath, ['-e', probe()], { encoding: 'utf8' }).stdout,
    };
    writeFileSync(`${report}.part`, JSON.stringify(seen));
    renameSync(`${report}.part`, report);
    start.ready();
    start.ready();
    const timer = setInterval(() => existsSync(end) && clearInterval(timer), 20);
  }
}

/** A program that looks for the mark as the server does. */
function taking() {
  return `
    const marked = process.env.NETMUX_BACKGROUND;
    const { BackgroundStart } = await import(new URL('./server/daemon/background.js', process.env.NETMUX_LIBRARY));
    console.log(marked, BackgroundStart.take(), process.env.NETMUX_BACKGROUND);
  `;
}

/** A program that prints whether it inherited mark and pipe. */
function probe() {
  return `
    let pipe = false;
    try { pipe = require('node:fs').fstatSync(3).isSocket(); } catch {}
    console.log(process.env.NETMUX_BACKGROUND ?? 'unmarked', pipe);
  `;
}
