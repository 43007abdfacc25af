/** Going to the background: the command is started again, and the first process says how that ended. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startInBackground } from '../../src/server/daemon/background.js';
import { isAlive } from '../../src/server/daemon/other-process.js';
import { engines } from '../engines.js';
import { eventually, failureOf, temporaryDirectory } from '../mux/scene.js';
import { startDaemonProgram } from './daemon-program.js';

const canRun = engines.includes('native') && process.platform === 'linux';

function startBackground(mode: string) {
  const directory = temporaryDirectory();
  const [report, end] = [join(directory, 'report'), join(directory, 'end')] as const;
  const parent = startDaemonProgram('background', [mode, report, end]);
  return { parent, report, end };
}

/** What the second process wrote about itself; it is killed when the test is over. */
function reportIn(path: string): Record<string, unknown> & { pid: number } {
  const seen = JSON.parse(readFileSync(path, 'utf8')) as { pid: number };
  onTestFinished(() => {
    if (isAlive(seen.pid)) process.kill(seen.pid, 'SIGKILL');
  });
  return seen;
}

describe.skipIf(!canRun)('a server in the background', () => {
  it('lives on in a session of its own when the first process has exited with 0', async () => {
    const { parent, report, end } = startBackground('ready');
    // `close` comes when the last one lets go of the pipes, too: the server holds none.
    const ending = await parent.ending();
    const seen = reportIn(report);
    expect(ending).toMatchObject({ code: 0, stderr: '', stdout: `printed before it was ready\nready ${seen.pid} undefined\n` });
    expect(isAlive(seen.pid)).toBe(true);
    expect(seen).toMatchObject({ group: seen.pid, session: seen.pid, terminal: 0, standard: [true, true, true], execArgv: [] });
    expect(seen.pid).not.toBe(parent.process.pid);
    expect(seen.argv).toEqual(['ready', report, end]);
    writeFileSync(end, '');
    await eventually('it ends by itself', () => !isAlive(seen.pid));
  });

  it('leaves its mark and its pipe to nobody', async () => {
    const { parent, report, end } = startBackground('ready');
    await parent.ending();
    const seen = reportIn(report);
    expect(seen).toMatchObject({ inherited: String(parent.process.pid), again: true, child: 'unmarked false\n' });
    expect(seen.variable).toBeUndefined();
    // What is started before the mark is noticed inherits it, and is not misled: the parent that it names is another.
    expect(seen.early).toBe(`${parent.process.pid} undefined undefined\n`);
    writeFileSync(end, '');
  });

  it('that cannot start has its error told by the first process, once, with a status that is not 0', async () => {
    const { stdout, stderr, code } = await startBackground('failed').parent.ending();
    expect(code).toBe(1);
    expect(stderr).toBe('failed NETMUX_NOT_STARTED EADDRINUSE bind EADDRINUSE 127.0.0.1:80\n');
    expect(stdout).toBe('printed before it was ready\n');
  });

  it.each([
    ['throws', 'exit status 1'],
    ['exits', 'exit status 0'],
    ['killed', 'SIGKILL'],
    ['leaves a child', 'exit status 7'],
  ])('that ends without a word (%s) has not started', async (mode, how) => {
    const { code, stderr } = await startBackground(mode).parent.ending();
    expect(code).toBe(1);
    expect(stderr).toContain(`failed NETMUX_NOT_STARTED undefined the background process ended before it was ready (${how})\n`);
    if (mode === 'throws') expect(stderr).toContain('thrown on purpose');
  });

  it('that says something else than what was agreed has not started', async () => {
    const { code, stderr } = await startBackground('nonsense').parent.ending();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('something else than that it is ready') });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('that is not ready yet gets the %s of who waits for it', async (signal) => {
    const { parent, report } = startBackground('hangs');
    await eventually('the second process runs', () => existsSync(report) && readFileSync(report, 'utf8') !== '');
    const { pid } = reportIn(report);
    parent.process.kill(signal);
    expect(await parent.ending()).toMatchObject({ code: 1, stderr: expect.stringContaining(`ended before it was ready (${signal})`) });
    expect(isAlive(pid)).toBe(false);
  });

  it('serves all the same if the first process was killed meanwhile', async () => {
    const { parent, report } = startBackground('hangs');
    await eventually('the second process runs', () => existsSync(report) && readFileSync(report, 'utf8') !== '');
    const { pid } = reportIn(report);
    parent.process.kill('SIGKILL');
    await once(parent.process, 'exit');
    expect(isAlive(pid)).toBe(true);
  });

  it('that is no program at all is an error', async () => {
    const failure = await failureOf(() => startInBackground(['/no/such/program']));
    expect(failure).toMatchObject({
      code: 'NETMUX_NOT_STARTED',
      message: expect.stringContaining('could not be started: spawn /no/such/program ENOENT'),
    });
  });

  it('leaves no signal handler behind in the first process', async () => {
    const before = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal));
    await failureOf(() => startInBackground(['/bin/true']));
    expect(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))).toEqual(before);
  });
});
