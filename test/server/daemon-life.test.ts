/** A daemon from its start in the background to its end: as root, for another user, with pid file and log file, restarted under load. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engines } from '../engines.js';
import { ChildProgram, programEnvironment } from '../mux/child-program.js';
import { Peer } from '../mux/peer.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { isRoot, NOBODY } from './daemon-program.js';
import { clientsAreLate, inTime, Load } from './restart-load.js';

const PROGRAM = fileURLToPath(new URL('./programs/restart.mjs', import.meta.url));
const ADDON = fileURLToPath(new URL('../../build/Release/netmux.node', import.meta.url));

/** More than all the buffers of a connection hold. */
const TOO_MUCH = 16 * 1024 * 1024;

/** The library and the program where everybody can read them, and a folder that is nobody's. */
function installed(engine: 'native' | 'node') {
  const root = temporaryDirectory();
  chmodSync(root, 0o755);
  const { NETMUX_LIBRARY, ...environment } = programEnvironment(engine);
  cpSync(dirname(fileURLToPath(NETMUX_LIBRARY!)), join(root, 'lib'), { recursive: true });
  chmodSync(join(root, 'lib'), 0o755);
  mkdirSync(join(root, 'build/Release'), { recursive: true });
  cpSync(ADDON, join(root, 'build/Release/netmux.node'));
  cpSync(PROGRAM, join(root, 'program.mjs'));
  writeFileSync(join(root, 'package.json'), '{ "name": "netmux", "type": "module" }');
  const run = join(root, 'run');
  mkdirSync(run);
  chownSync(run, NOBODY, NOBODY);
  const env = { ...environment, NETMUX_LIBRARY: pathToFileURL(join(root, 'lib/index.js')).href };
  const conf = join(root, 'conf');
  const start = () => new ChildProgram(spawn(process.execPath, [join(root, 'program.mjs'), `--conf_file=${conf}`], { cwd: root, env }));
  return { conf, run, start };
}

/** Its number in the pid file, its user, and the port of the log's last line about one. */
function statusOf(pid: number) {
  const field = (name: string) => new RegExp(`^${name}:\\t(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!;
  return { uids: field('Uid').split('\t').map(Number), gids: field('Gid').split('\t').map(Number), groups: field('Groups').trim() };
}

/** The processes of a session that live; who has ended and waits for its parent does not. */
function processesOf(session: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const [state, , , own] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]!.split(' ');
        return state !== 'Z' && Number(own) === session;
      } catch {
        return false; // gone meanwhile
      }
    })
    .map(Number);
}

describe.skipIf(!isRoot || !engines.includes('native') || process.platform !== 'linux').each(['native', 'node'] as const)(
  'a daemon (%s engine)',
  (engine) => {
    it.skipIf(clientsAreLate)(
      inTime('started by root, dropped to nobody, restarted under load, ended with output pending: loses nothing'),
      {
        timeout: 120_000,
      },
      async () => {
        const { conf, run, start } = installed(engine);
        const [pidFile, logFile, socket] = ['pid', 'log', 'socket'].map((name) => join(run, name)) as [string, string, string];
        const ports = `port 127.0.0.1:0\nport ${socket}|unix\n`;
        const options = `background 1\nuser ${NOBODY}\ngroup ${NOBODY}\npid_file ${pidFile}\nlog_file ${logFile}\ndrain_timeout 60\n`;
        writeFileSync(conf, ports + options);
        const logged = () => readFileSync(logFile, 'utf8');

        // The first process ends when the second serves.
        expect(await start().ending()).toMatchObject({ code: 0, stderr: '' });
        const pid = Number(readFileSync(pidFile, 'utf8'));
        onTestFinished(() => {
          for (const left of processesOf(pid)) process.kill(left, 'SIGKILL');
        });
        const identity = { uids: Array(4).fill(NOBODY), gids: Array(4).fill(NOBODY), groups: '' };
        expect(processesOf(pid)).toEqual([pid]);
        expect(statusOf(pid)).toEqual(identity);
        const port = Number(/auto-assigned port (\d+)/.exec(logged())![1]);

        const load = new Load(port, 10);
        const local = new Load(socket, 3);
        // The process that went to the background was the first.
        for (let generation = 3; generation <= 5; generation += 1) {
          const before = [load.answered, local.answered];
          await eventually('more answers', () => load.answered >= before[0]! + 20 && local.answered >= before[1]! + 5);
          process.kill(pid, 'SIGHUP');
          await eventually('the next program', () => load.generation >= generation && local.generation >= generation);
        }
        // Whoever is started meanwhile finds out that there is one already.
        const { code, stderr } = await start().ending();
        expect([code, stderr]).toEqual([1, expect.stringContaining(`Pid_file already exists for running process (${pid})`)]);
        for (const { failures } of [await load.stop(), await local.stop()]) expect(failures).toEqual([]);
        expect(processesOf(pid)).toEqual([pid]);
        expect(statusOf(pid)).toEqual(identity);
        expect(Number(readFileSync(pidFile, 'utf8'))).toBe(pid);
        expect(logged().match(/Re-exec server during HUP/g)).toHaveLength(3);

        const slow = await Peer.connect(port, { reading: false });
        await slow.send(`fill ${TOO_MUCH}\n`);
        const idle = await Peer.connect(socket);
        await idle.send('hello\n');
        await idle.expect('5 hello\n');
        process.kill(pid, 'SIGTERM');
        expect(await idle.end()).toMatchObject({ by: 'fin' });
        await idle.finish();
        slow.startReading();
        expect(await slow.end()).toMatchObject({ bytes: TOO_MUCH, by: 'fin' });
        await slow.finish();
        await eventually('its end', () => processesOf(pid).length === 0);
        expect([pidFile, socket].filter((file) => existsSync(file))).toEqual([]);
        expect(logged().trimEnd()).toMatch(/Server closing!$/);
      },
    );

    it('in a chroot does not restart, says so, and removes its files there', async () => {
      const { conf, run, start } = installed(engine);
      const [pidFile, logFile, socket] = ['pid', 'log', 'socket'].map((name) => join(run, name)) as [string, string, string];
      writeFileSync(
        conf,
        `port ${socket}|unix\nuser ${NOBODY}\ngroup ${NOBODY}\nchroot ${run}\npid_file ${pidFile}\nlog_file ${logFile}\n`,
      );
      const program = start();
      await program.line('serving 1');
      expect(statusOf(program.process.pid!).uids).toEqual(Array(4).fill(NOBODY));
      program.process.kill('SIGHUP');
      await eventually('the refusal', () => readFileSync(logFile, 'utf8').includes('No restart: in a chroot'));
      const peer = await Peer.connect(socket);
      await peer.send('hello\n');
      await peer.expect('1 hello\n');
      program.process.kill('SIGTERM');
      expect(await peer.end()).toMatchObject({ by: 'fin' });
      await peer.finish();
      expect(await program.ending()).toMatchObject({ code: 0, stderr: '' });
      expect(readdirSync(run)).toEqual(['log']);
    });
  },
);
