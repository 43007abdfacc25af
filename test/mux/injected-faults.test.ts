/**
 * The real kernel made to fail by strace, which shares no code with the fault kernel of test/native/: a second witness for what
 * the core does with an error. A call that strace fails is not made: who waits in the queue of a listener is still there.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engines } from '../engines.js';
import { ChildProgram, programEnvironment, programPath } from './child-program.js';
import { Peer } from './peer.js';

const CLIENTS = 4;

/** Every second call from the third on: the first connection is there before anything fails, and no error is the last one. */
const EVERY_SECOND_CALL = '3+2';

class InjectedProgram {
  readonly program: ChildProgram;
  readonly #trace: string;

  /** @param fault what strace's option `inject` takes, e.g. `accept4:error=EMFILE:when=3+2` */
  constructor(fault: string) {
    const folder = mkdtempSync(join(tmpdir(), 'netmux-inject-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    this.#trace = join(folder, 'trace');
    // -D: the tracer is the grandchild, so that a signal meant for the program reaches it, and its end is the tracer's.
    const args = ['-D', '-f', '-qq', '-o', this.#trace, '-e', `inject=${fault}`, '-e', 'signal=none'];
    this.program = new ChildProgram(
      spawn('strace', [...args, process.execPath, programPath('injected')], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: programEnvironment('native'),
      }),
    );
  }

  async port(): Promise<number> {
    return Number(await this.program.line('listening'));
  }

  /** How often a call was failed. */
  injected(): number {
    return readFileSync(this.#trace, 'utf8').split('(INJECTED)').length - 1;
  }

  /** What mux_error told, line by line, when the program was ended. */
  async errors(): Promise<string[]> {
    this.program.process.kill('SIGTERM');
    const { stdout } = await this.program.ending();
    return stdout.split('\n').filter((line) => line.startsWith('error '));
  }
}

async function echoes(peer: Peer, text: string): Promise<void> {
  await peer.send(text);
  await peer.expect(text);
}

/** Why strace cannot be used here: it is not installed, or the machine does not let it trace. */
const untraceable =
  !engines.includes('native') ||
  spawnSync('strace', ['-D', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=getppid:error=EPERM', 'true'], { timeout: 20_000 }).status !== 0;

describe.skipIf(untraceable)('system calls failed by strace (native engine)', () => {
  for (const { error, told } of [
    { error: 'ECONNABORTED', told: false },
    { error: 'EPROTO', told: false },
    { error: 'EPERM', told: false },
    { error: 'EMFILE', told: true },
    { error: 'ENFILE', told: true },
    { error: 'ENOBUFS', told: true },
    { error: 'ENOMEM', told: true },
  ]) {
    const story = told ? 'mux_error tells of it' : 'nobody is told of it';
    it(`accept4 fails with ${error}: ${story}, the connected are served, and who waits is let in (T08)`, async () => {
      const server = new InjectedProgram(`accept4:error=${error}:when=${EVERY_SECOND_CALL}`);
      const port = await server.port();
      const first = await Peer.connect(port);
      await echoes(first, 'before');
      for (let index = 0; index < CLIENTS; index += 1) {
        const peer = await Peer.connect(port);
        await echoes(first, 'meanwhile');
        await echoes(peer, 'let in');
      }
      expect(server.injected()).toBeGreaterThan(0);
      const errors = await server.errors();
      if (!told) return expect(errors).toEqual([]);
      expect(new Set(errors)).toEqual(new Set([`error listener ${error}`]));
    });
  }

  for (const call of ['recvfrom', 'sendto']) {
    it(`${call} is interrupted: every byte is echoed all the same`, async () => {
      const server = new InjectedProgram(`${call}:error=EINTR:when=${EVERY_SECOND_CALL}`);
      const peer = await Peer.connect(await server.port());
      for (let index = 0; index < 10; index += 1) await echoes(peer, `line ${index}`);
      expect(server.injected()).toBeGreaterThan(0);
      expect(await server.errors()).toEqual([]);
    });
  }

  it('sendto finds no room at first: the bytes are sent when the kernel says that there is some', async () => {
    const server = new InjectedProgram(`sendto:error=EAGAIN:when=${EVERY_SECOND_CALL}`);
    const peer = await Peer.connect(await server.port());
    for (let index = 0; index < 10; index += 1) await echoes(peer, `line ${index}`);
    expect(server.injected()).toBeGreaterThan(0);
    expect(await server.errors()).toEqual([]);
  });

  // That a peer went away without a word is its end, and no error to be told of.
  for (const { call, error, told } of [
    { call: 'recvfrom', error: 'ECONNRESET', told: [] },
    { call: 'recvfrom', error: 'ETIMEDOUT', told: [] },
    { call: 'sendto', error: 'EPIPE', told: [] },
    { call: 'sendto', error: 'ENOBUFS', told: ['error client ENOBUFS'] },
  ]) {
    it(`${call} fails with ${error}: this connection ends, the others are served, and the next one is let in`, async () => {
      const server = new InjectedProgram(`${call}:error=${error}:when=3`);
      const port = await server.port();
      const peers = [await Peer.connect(port), await Peer.connect(port)];
      const failed: Peer[] = [];
      // Which of their calls is the third one depends on how often the core looks: one of the two is hit.
      for (let round = 0; round < 4; round += 1) {
        for (const peer of peers.filter((one) => !failed.includes(one))) {
          await echoes(peer, 'again').catch((problem: unknown) => {
            if (!peer.hasEnded) throw problem;
            failed.push(peer);
          });
        }
      }
      expect(server.injected()).toBe(1);
      expect(failed).toHaveLength(1);
      await echoes(await Peer.connect(port), 'let in');
      expect(await server.errors()).toEqual(told);
    });
  }
});
