import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { ChildProgram, programEnvironment, programPath } from './child-program.js';
import { Peer } from './peer.js';

const FREE_DESCRIPTORS = 10;

/** The program with a small table of descriptors, so that it fills quickly. */
function startWithFewDescriptors(engine: 'native' | 'node', manner = ''): ChildProgram {
  const command = `ulimit -n 200; exec "${process.execPath}" "${programPath('few-descriptors')}" ${FREE_DESCRIPTORS} ${manner}`;
  return new ChildProgram(spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], env: programEnvironment(engine) }));
}

describeEngines('out of descriptors', (engine) => {
  if (engine === 'node') {
    it('who is connected goes on; who comes is closed; when descriptors are free again, clients are served', async () => {
      const program = startWithFewDescriptors(engine);
      const port = Number(await program.line('listening'));
      const first = await Peer.connect(port);
      await first.send('a');
      await first.expect('a');
      const others = await Promise.all(Array.from({ length: 3 * FREE_DESCRIPTORS }, () => Peer.connect(port)));
      await sleep(50);
      await first.send('b');
      await first.expect('b');
      for (const peer of others) peer.socket.destroy();
      await sleep(50);
      const last = await Peer.connect(port);
      await last.send('c');
      await last.expect('c');
    });
    return;
  }

  it('who is connected goes on, who comes waits and is served when descriptors are free; mux_error tells once; nobody spins (D12)', async () => {
    const program = startWithFewDescriptors(engine);
    const port = Number(await program.line('listening'));
    const first = await Peer.connect(port);
    await first.send('a');
    await first.expect('a');
    const others: Peer[] = [];
    for (let index = 0; index < 3 * FREE_DESCRIPTORS; index += 1) others.push(await Peer.connect(port));
    expect(await program.line('error')).toMatch(/^EMFILE true/);
    program.process.kill('SIGUSR2');
    await first.send('b');
    await first.expect('b');
    await sleep(300);
    for (const peer of others.slice(0, 2 * FREE_DESCRIPTORS + 2)) {
      await peer.finish();
    }
    for (const peer of others.slice(-5)) {
      await peer.send('waited');
      await peer.expect('waited');
    }
    program.process.kill('SIGTERM');
    const { stdout } = await program.ending();
    expect(Number(/cpu (\d+)/.exec(stdout)?.[1])).toBeLessThan(200);
    expect(stdout.match(/^error /gm)?.length).toBeLessThanOrEqual(3);
  });

  it('an application that takes the last ones itself, in a callback, keeps nobody out for longer than it has them (T09)', async () => {
    const program = startWithFewDescriptors(engine, 'greedy');
    const port = Number(await program.line('listening'));
    const first = await Peer.connect(port);
    await first.send('a');
    await first.expect('a');
    const waiting = await Promise.all(Array.from({ length: 5 }, () => Peer.connect(port)));
    expect(await program.line('error')).toMatch(/^EMFILE true/);
    await first.send('b');
    await first.expect('b');
    program.process.kill('SIGUSR1');
    for (const peer of waiting) {
      await peer.send('waited');
      await peer.expect('waited');
    }
    // The descriptor in reserve is there again: the next time goes no worse.
    for (const peer of waiting) await peer.finish();
    await first.send('c');
    await first.expect('c');
  });
});
