/** What signals do to a server that handles them, and that they are left alone without `handle_signals`. */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeEngines, type TestedEngine } from '../engines.js';
import type { ChildProgram } from '../mux/child-program.js';
import type { Peer, PeerOptions } from '../mux/peer.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { startProgram } from './program.js';
import { connectTo, RecordedServer, start } from './running.js';

/** More than all the buffers of a connection hold. */
const TOO_MUCH = 32 * 1024 * 1024;

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGPIPE', 'SIGUSR1'] as const;

/** A server program, and a client for which it has queued so many bytes. */
async function serving(
  engine: TestedEngine,
  options: PeerOptions & { readonly args?: readonly string[]; readonly bytes?: number } = {},
): Promise<{ program: ChildProgram; peer: Peer }> {
  const program = startProgram(engine, 'signals', options.args);
  const peer = await connectTo({ listeners: [{ localPort: Number(await program.line('listening')) } as never] }, options);
  await peer.send(String(options.bytes ?? 1));
  await program.line('queued');
  return { program, peer };
}

function linesBehind(output: string, line: string): string[] {
  const lines = output.trimEnd().split('\n');
  return lines.slice(lines.indexOf(line) + 1);
}

describeEngines('a server with handle_signals', (engine) => {
  it.each(['SIGTERM', 'SIGQUIT'] as const)('%s: flushes what is queued, and exits with 0', async (signal) => {
    const { program, peer } = await serving(engine, { reading: false, bytes: TOO_MUCH });
    program.process.kill(signal);
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: TOO_MUCH, by: 'fin' });
    await peer.finish();
    const { code, stdout } = await program.ending();
    expect(code).toBe(0);
    expect(linesBehind(stdout, 'queued')).toEqual(['closing', 'mux_close', 'pre_server_close_hook', 'run is over']);
  });

  it('SIGINT: flushes nothing, and calls the same hooks', async () => {
    const { program } = await serving(engine, { reading: false, bytes: TOO_MUCH });
    program.process.kill('SIGINT');
    const { code, stdout } = await program.ending();
    expect(code).toBe(0);
    expect(linesBehind(stdout, 'queued')).toEqual(['closing', 'mux_close', 'pre_server_close_hook', 'run is over']);
  });

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
    ['SIGQUIT', 'SIGQUIT'],
  ] as const)('%s and then %s: waits no longer for who does not read', async (first, second) => {
    const { program } = await serving(engine, { reading: false, bytes: TOO_MUCH, args: ['--drain_timeout=1000'] });
    program.process.kill(first);
    await program.line('closing');
    program.process.kill(second);
    expect(await program.ending()).toMatchObject({ code: 0 });
  });

  it('a signal during a callback acts when the callback is through, without any further input (D9)', async () => {
    const { program, peer } = await serving(engine);
    await peer.send('term');
    expect(await peer.end()).toMatchObject({ text: 'zqueued before the signal acts', by: 'fin' });
    await peer.finish();
    expect(await program.ending()).toMatchObject({ code: 0 });
  });

  it('SIGHUP calls sig_hup', async () => {
    const { program } = await serving(engine);
    program.process.kill('SIGHUP');
    await program.line('sig_hup');
  });

  it('SIGUSR1 opens the log file again, SIGPIPE is told at level 4', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'log');
    const { program } = await serving(engine, { args: [`--log_file=${file}`, '--log_level=4'] });
    const told = (path: string) => readFileSync(path, 'utf8').split('\n').includes('SIGPIPE received');
    program.process.kill('SIGPIPE');
    await eventually('the first line', () => told(file));
    renameSync(file, `${file}.1`);
    program.process.kill('SIGUSR1');
    await eventually('the new file', () => existsSync(file));
    program.process.kill('SIGPIPE');
    await eventually('the second line', () => told(file));
  });
});

describeEngines('a server', (engine) => {
  it('leaves signals alone by default', async () => {
    const before = SIGNALS.map((signal) => process.listenerCount(signal));
    await start(new RecordedServer(), engine);
    expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before);
  });

  it('gives them back when it has ended', async () => {
    const before = SIGNALS.map((signal) => process.listenerCount(signal));
    const server = await start(new RecordedServer(), engine, { handle_signals: true });
    expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before.map((count) => count + 1));
    await server.close();
    expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before);
  });
});
