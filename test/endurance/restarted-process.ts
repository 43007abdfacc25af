/** A server that is restarted again and again, seen from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Form } from './program.js';

const SERVER = fileURLToPath(new URL('restarting-server.js', import.meta.url));

/** A line that never comes must not be waited for without end; far above what a busy machine takes. */
const PATIENCE_MS = 60_000;

export class RestartedProcess {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly exit: Promise<unknown[]>;
  private stderr = '';

  constructor(engine: Form['engine'], environment: NodeJS.ProcessEnv = {}) {
    const env = { ...process.env, NODE_OPTIONS: '', NETMUX_ENGINE: engine, ...environment };
    this.child = spawn(process.execPath, [SERVER], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.exit = once(this.child, 'exit');
    this.lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]();
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** How many it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /**
   * The numbers of the next line that it says, which has to begin with `word`.
   * @throws when it ends instead, or says something else, or nothing
   */
  async said(word: string): Promise<number[]> {
    const { value } = await this.inTime(`"${word}"`, this.lines.next());
    const [first, ...numbers] = (value ?? 'nothing').split(' ');
    if (first !== word) throw new Error(`the server says "${value ?? 'nothing'}" in place of "${word}": ${this.stderr.trim()}`);
    return numbers.map(Number);
  }

  restart(): void {
    this.child.kill('SIGHUP');
  }

  /** Asks it to end, and does not wait. */
  terminate(): void {
    this.child.kill('SIGTERM');
  }

  /** Asks it to end. @returns how many questions it has read, all images together */
  async end(): Promise<number> {
    this.terminate();
    const [read] = await this.said('read');
    const [status] = await this.inTime('goodbye', this.exit);
    if (status !== 0) throw new Error(`the server ended with ${status ?? this.child.signalCode}: ${this.stderr.trim()}`);
    return read!;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private inTime<Value>(what: string, work: Promise<Value>): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the server does not say ${what}: ${this.stderr.trim()}`)), PATIENCE_MS);
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }
}
