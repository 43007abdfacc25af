import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { addressBlockLength, decodeAddress } from '../../src/engine/address.js';
import { type Address, CloseMode, CommandKind, RecordKind, type SocketOptions, WORDS } from '../../src/engine/engine.js';
import { NodeEngine } from '../../src/engine/node-engine.js';

const PATIENCE_MS = 10_000;

/** How long a connection lingers that is closed so. */
const LINGER_MS = 2000;

/** Names of the records by their number. */
const KINDS: Readonly<Record<RecordKind, string>> = {
  [RecordKind.Accept]: 'Accept',
  [RecordKind.Data]: 'Data',
  [RecordKind.Datagram]: 'Datagram',
  [RecordKind.Eof]: 'Eof',
  [RecordKind.Drained]: 'Drained',
  [RecordKind.Flushed]: 'Flushed',
  [RecordKind.WriteFailed]: 'WriteFailed',
  [RecordKind.Timer]: 'Timer',
  [RecordKind.Connected]: 'Connected',
  [RecordKind.ConnectFailed]: 'ConnectFailed',
  [RecordKind.ListenerError]: 'ListenerError',
  [RecordKind.SendFailed]: 'SendFailed',
  [RecordKind.Refused]: 'Refused',
  [RecordKind.Expired]: 'Expired',
};

/** A record, taken out of the shared memory. */
export interface Seen {
  readonly kind: string;
  readonly slot: number;
  readonly a: number;
  /** Of `Data` and `Datagram`. */
  readonly bytes?: Buffer;
  /** Of `Data`: where in `readSlab`. */
  readonly offset?: number;
  readonly sender?: Address | undefined;
  /** Which call of the dispatcher it came in. */
  readonly batch: number;
}

/** Stands in the dispatcher's place: writes every record down and lets the test answer it. */
export class Probe {
  readonly engine: NodeEngine;
  readonly seen: Seen[] = [];
  /** Runs inside the dispatcher's call, for each record. */
  answer: (record: Seen) => void = () => {};
  batches = 0;
  #changed: () => void = () => {};

  constructor(maxHandles?: number) {
    this.engine = new NodeEngine(maxHandles);
    this.engine.attach((count) => this.#dispatch(count));
    this.engine.setReferenced(true);
    onTestFinished(() => this.engine.setReferenced(false));
  }

  get log(): string[] {
    return this.seen.map(({ kind }) => kind);
  }

  of(kind: string, slot?: number): Seen[] {
    return this.seen.filter((record) => record.kind === kind && (slot === undefined || record.slot === slot));
  }

  /** The bytes that a slot received. */
  input(slot: number): string {
    return Buffer.concat(this.of('Data', slot).map((record) => record.bytes!)).toString('latin1');
  }

  command(kind: CommandKind, slot: number, a = 0): void {
    this.engine.ring.command(kind, slot, a, kind === CommandKind.Close ? LINGER_MS : 0);
  }

  /** Orders a look at the slot in so many milliseconds, as the dispatcher does. */
  arm(slot: number, delay_ms: number): number {
    const { deadline } = this.engine.memory;
    deadline[slot] = Math.ceil(this.engine.now() + delay_ms);
    this.command(CommandKind.Arm, slot);
    return deadline[slot]!;
  }

  /** The `times`th record of that kind. */
  async until(kind: string, times = 1, slot?: number): Promise<Seen> {
    await this.#until(() => this.of(kind, slot).length >= times, `${times} × ${kind}`);
    return this.of(kind, slot)[times - 1]!;
  }

  async untilInput(slot: number, length: number): Promise<string> {
    await this.#until(() => this.input(slot).length >= length, `${length} bytes of input`);
    return this.input(slot);
  }

  /** A started listener on 127.0.0.1. */
  async listen(options: SocketOptions = {}, address: Address = { family: 4, host: '127.0.0.1', port: 0 }): Promise<number> {
    const slot = await this.engine.listen(address, options);
    onTestFinished(() => {
      this.command(CommandKind.Close, slot, CloseMode.Abort);
      this.engine.flush();
    });
    this.command(CommandKind.Start, slot);
    return slot;
  }

  port(slot: number): number {
    const address = this.engine.address(slot, 'local');
    if (address === undefined || address.family === 'unix') throw new Error('no port');
    return address.port;
  }

  /** A client of that listener, and the slot of its connection. */
  async client(listener: number, paused = false): Promise<{ peer: Socket; slot: number }> {
    const before = this.of('Accept').length;
    const peer = connect({ port: this.port(listener), host: '127.0.0.1', allowHalfOpen: true });
    if (paused) peer.pause();
    peer.on('error', () => {});
    onTestFinished(() => {
      peer.destroy();
    });
    await once(peer, 'connect');
    const { slot } = await this.until('Accept', before + 1);
    return { peer, slot };
  }

  #dispatch(count: number): void {
    this.batches += 1;
    const { records } = this.engine.memory;
    for (let at = 0; at < count * WORDS; at += WORDS) {
      const head = records[at]!;
      const [a, b] = [records[at + 2]!, records[at + 3]!];
      const kind: RecordKind = head & 0xff;
      const known = { kind: KINDS[kind]!, slot: head >>> 8, a, batch: this.batches };
      const slab = this.engine.readSlab;
      let record: Seen = known;
      if (kind === RecordKind.Data) {
        record = { ...known, offset: a, bytes: Buffer.from(slab.subarray(a, a + b)) };
      } else if (kind === RecordKind.Datagram) {
        const payload = a + addressBlockLength(slab, a);
        record = { ...known, sender: decodeAddress(slab, a), bytes: Buffer.from(slab.subarray(payload, payload + b)) };
      }
      this.seen.push(record);
      this.answer(record);
    }
    this.#changed();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`waited for ${what}, got ${this.log.join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, end - Date.now() + 1);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** All that a socket gets until its peer's FIN, or the error that ended it. */
export async function received(socket: Socket): Promise<{ readonly bytes: Buffer; readonly by: string }> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const done = (by: string) => resolve({ bytes: Buffer.concat(chunks), by });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => done('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.on('close', () => done('closed'));
    socket.resume();
  });
}

/** Two rounds of Node's loop: what the kernel had is reported. */
export async function rounds(count = 2): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
