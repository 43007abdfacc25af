// Drops its privileges as the JSON of the first argument says, with log and pid file, and prints what it can still do.
// `first`: the user and group that it is before.
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

const library = (name) => import(new URL(`./server/${name}.js`, process.env.NETMUX_LIBRARY));
const { dropPrivileges, resolveIdentity } = await library('daemon/identity');
const { PidFile } = await library('daemon/pid-file');
const { ServerLog } = await library('log/log');

const { first, user, group, chroot, files = [], log_file = '', pid_file } = JSON.parse(process.argv[2]);
if (first !== undefined) {
  process.setgroups([]);
  process.setgid(first);
  process.setuid(first);
}
const failures = [];
const lines = [];
const log = await ServerLog.open({ log_level: 4, log_format: 'classic', log_file }, ({ error }) => failures.push(error.message));
const pidFile = pid_file && PidFile.claim(pid_file, (text) => lines.push(text));
pidFile?.write();

/** The name of the error that an action ends with. */
function outcome(action) {
  try {
    action();
    return 'done';
  } catch (error) {
    return error.code;
  }
}

function bind(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', (error) => resolve(error.code));
    server.listen(port, '127.0.0.1', () => {
      server.close();
      resolve('done');
    });
  });
}

/** A field of /proc/self/status of each thread: a change of user that misses one is none. */
function ofAllThreads(field) {
  const values = readdirSync('/proc/self/task').map((thread) => {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
    return new RegExp(`^${field}:\\t(.*)$`, 'm').exec(status)[1].trim().split(/\s+/).filter(Boolean).map(Number);
  });
  return [...new Set(values.map((value) => JSON.stringify(value)))].map((value) => JSON.parse(value));
}

try {
  const identity = resolveIdentity({ user, group });
  const belongings = pidFile === undefined ? [log] : [log, pidFile];
  dropPrivileges(identity, { chroot, files, belongings, log: (level, text) => lines.push(`${level} ${text}`) });
  log.write(2, 'as another user');
  log.reopen();
  log.write(2, 'opened again');
  const proc = outcome(() => readdirSync('/proc/self/task')) === 'done';
  console.log(
    `report ${JSON.stringify({
      notices: identity.notices,
      lines,
      failures,
      ids: [process.getuid(), process.geteuid(), process.getgid(), process.getegid()],
      threads: proc && {
        Uid: ofAllThreads('Uid'),
        Gid: ofAllThreads('Gid'),
        Groups: ofAllThreads('Groups'),
        CapEff: ofAllThreads('CapEff'),
      },
      descriptors:
        proc &&
        readdirSync('/proc/self/fd').map((fd) =>
          outcome(() => readlinkSync(`/proc/self/fd/${fd}`)) === 'done' ? readlinkSync(`/proc/self/fd/${fd}`) : '',
        ),
      shadow: outcome(() => openSync('/etc/shadow')),
      setuid: outcome(() => process.setuid(0)),
      setgid: outcome(() => process.setgid(0)),
      setgroups: outcome(() => process.setgroups([0])),
      port: await bind(80),
      cwd: process.cwd(),
      root: readdirSync('/').sort(),
      out: outcome(() => process.chdir('../../..')) + JSON.stringify(readdirSync('.').sort()),
      removed: pidFile && outcome(() => pidFile.remove()),
    })}`,
  );
} catch (error) {
  console.log(`failed ${error.code} ${error.message}`);
  console.log(`lines ${JSON.stringify(lines)}`);
}
