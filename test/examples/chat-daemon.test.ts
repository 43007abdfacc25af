/** The chat example as a daemon, run by the netmux command. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../../src/server/daemon/other-process.js';
import { describeEngines, engines } from '../engines.js';
import { eventually } from '../mux/scene.js';
import { Conversation } from './documents.js';
import { type Ending, Program, ready, run } from './programs.js';

const COMMAND = ['dist/cli/netmux.js', 'out/examples/chat.js', '--port=0'];
const CONFIGURED = [...COMMAND, '--conf_file', 'examples/chat.conf'];

function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-chat-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describeEngines('the chat example', (engine) => {
  it('serves with the configuration file beside it', async () => {
    const { port } = await ready(new Program(process.execPath, [...CONFIGURED, `--engine=${engine}`]), engine);
    const client = new Conversation(port);
    await client.hears('Welcome to netmux chat. Your nick?\n');
    client.socket.write('alice\n/quit\n');
    expect(await client.ended).toBe('Welcome to netmux chat. Your nick?\n* hello alice, 1 online\n* bye\n');
  });

  it('tells who is not admitted, and hears nothing from him', async () => {
    const { port } = await ready(new Program(process.execPath, [...CONFIGURED, '--allow', '10\\..*', `--engine=${engine}`]), engine);
    const client = new Conversation(port);
    client.socket.write('alice\n');
    expect(await client.ended).toBe('You are not admitted.\n');
  });

  it('lists its option among those of every server', async () => {
    const { code, stdout } = await run(process.execPath, [...COMMAND, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n {2}--idle=SECONDS\n {8}after how long without input a client is sent away \(default: 600 s\)\n/);
    expect(stdout).toMatch(/\n {2}--host=TEXT\n[^-]+default: 127\.0\.0\.1\)/);
  });
});

describe.skipIf(!engines.includes('native'))('the chat example in the background', () => {
  it('leaves the terminal when it serves, and ends with its clients told, its pid file removed', async () => {
    const folder = folderOfTest();
    const [pidFile, logFile] = [join(folder, 'chat.pid'), join(folder, 'chat.log')];
    const words = [...CONFIGURED, '--background', '--pid_file', pidFile, '--log_file', logFile];
    const { code, stdout, stderr }: Ending = await run(process.execPath, words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const pid = Number(readFileSync(pidFile, 'utf8'));
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    const [, port] = /^listening on 127\.0\.0\.1:(\d+) /.exec(stdout)!;
    const client = new Conversation(Number(port));
    await client.hears('Your nick?\n');
    process.kill(pid, 'SIGTERM');
    expect(await client.ended).toBe('Welcome to netmux chat. Your nick?\n');
    await eventually('it has ended', () => !isAlive(pid));
    expect(existsSync(pidFile)).toBe(false);
    expect(readFileSync(logFile, 'utf8')).toMatch(/Server closing!\n$/);
  });
});
