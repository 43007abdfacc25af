import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type Handle, type Listener, type ListenOptions, Mux, type MuxCallbacks, type MuxOptions } from '../../src/index.js';
import { engineOption, type TestedEngine } from '../engines.js';
import { Journal, recorder } from './journal.js';
import { Peer, type PeerOptions } from './peer.js';

export interface SceneOptions {
  /** What the callbacks do after they were written down; see `recorder`. */
  readonly steps?: MuxCallbacks;
  readonly mux?: MuxOptions;
  readonly listen?: ListenOptions;
  /** `false`: the test calls `startLoop` itself, e.g. to have clients come before it. */
  readonly start?: boolean;
}

/** A multiplexer that serves one port, its journal and its clients. All is closed when the test is over. */
export class Scene {
  readonly mux: Mux;
  readonly journal = new Journal();
  readonly listener: Listener;
  /** What was said through `warn`. */
  readonly warnings: string[] = [];
  /** Settled when `loop` is; a rejection is only seen by who looks. */
  loop: Promise<void> = Promise.resolve();

  constructor(engine: TestedEngine, options: SceneOptions) {
    this.mux = openMux(engine, { warn: (line) => this.warnings.push(line), ...options.mux });
    this.mux.setCallbackObject(recorder(this.journal, options.steps));
    this.listener = this.mux.listen(options.listen ?? { host: '127.0.0.1', port: 0 });
    this.journal.name(this.listener, 'listener');
  }

  get port(): number {
    const port = this.listener.localPort;
    if (port === undefined || port === 0) throw new Error('the listener has no port');
    return port;
  }

  get log(): string[] {
    return this.journal.lines;
  }

  startLoop(): void {
    this.loop = this.mux.loop();
    this.loop.catch(() => {});
  }

  connect(options?: PeerOptions): Promise<Peer> {
    return Peer.connect(this.port, options);
  }

  /** A client whose `mux_connection` has run, and its handle. */
  async client(options?: PeerOptions): Promise<{ peer: Peer; fh: Handle; name: string }> {
    const before = this.log.filter((line) => line.startsWith('mux_connection c')).length;
    const peer = await this.connect(options);
    const name = `c${before + 1}`;
    await this.journal.until(`mux_connection ${name}`);
    return { peer, fh: this.journal.handleOf(name), name };
  }

  until(line: string, times?: number): Promise<void> {
    return this.journal.until(line, times);
  }

  /** What was asked of the loop before this call has happened when the promise resolves; leaves no trace in the journal. */
  fence(): Promise<void> {
    return fence(this.mux);
  }
}

/** A scene whose port is open and, unless `start` is `false`, whose loop runs. */
export async function openScene(engine: TestedEngine, options: SceneOptions = {}): Promise<Scene> {
  const scene = new Scene(engine, options);
  await scene.listener.ready;
  if (options.start !== false) scene.startLoop();
  return scene;
}

/** A multiplexer that is ended when the test is over. */
export function openMux(engine: TestedEngine, options: MuxOptions = {}): Mux {
  const mux = new Mux({ engine: engineOption(engine), warn: () => {}, ...options });
  onTestFinished(async () => {
    for (const fh of mux.handles()) mux.close(fh);
    await mux[Symbol.asyncDispose]();
  });
  return mux;
}

/**
 * Two round trips through the multiplexer's loop, over a connection of its own. The kernel hands loopback data over inside
 * the sender's call: whatever was under way before has been reported before the second answer.
 */
export async function fence(mux: Mux): Promise<void> {
  const listener = mux.listen({ host: '127.0.0.1', port: 0 });
  const echo: MuxCallbacks = {
    mux_connection: (_, fh) => {
      mux.setCallbackObject(echo, fh);
    },
    mux_input: (_, fh, data) => {
      fh.write(data.take());
    },
    mux_eof: (_, fh) => fh.close(),
  };
  mux.setCallbackObject(echo, listener);
  await listener.ready;
  const peer = await Peer.connect(listener.localPort as number);
  for (const text of ['1', '2']) {
    await peer.send(text);
    await peer.expect(text);
  }
  mux.close(listener);
  await peer.finish();
  await peer.end();
  peer.socket.destroy();
}

/** How long the kernel moves what it was given, at most, on its way to a peer that does not read. */
const KERNEL_SETTLES_MS = 20;

/**
 * Writes to a peer that does not read until the kernel takes nothing more and so many bytes are left below `maxOutbuffer`. Where the
 * policy is to close, that must not be reached on the way.
 */
export async function fill(fh: Handle, room: number): Promise<void> {
  const { maxOutbuffer } = fh.mux.settings;
  const target = maxOutbuffer - room;
  while (fh.bufferedAmount < target) {
    while (fh.bufferedAmount < target) {
      fh.mux.write(fh, Buffer.alloc(target - fh.bufferedAmount, '.'));
      fh.mux.dispatcher.engine.drain();
    }
    await sleep(KERNEL_SETTLES_MS);
  }
}

/** A directory that is gone after the test. Its name is short: a UNIX path has 107 bytes. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'netmux-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Holds up this thread, as a callback does that computes for too long. */
export function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** The error that a call throws or its promise rejects with; fails if there is none. */
export async function failureOf(call: () => unknown): Promise<Error & { code?: string; address?: string; port?: number }> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`thrown, but not an Error: ${String(error)}`);
  }
  throw new Error('nothing was thrown');
}

/** Resolves when the condition holds; for states that no callback tells of. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries === 1000) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
