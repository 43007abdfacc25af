/** System calls of a server for each message. */
import { writeFileSync } from 'node:fs';
import type { Command } from '../server-process.js';
import { SystemCallCounter, type SystemCalls, totalOf } from '../system-calls.js';
import { costLines, type Place, type Profile } from './tool.js';

export class CallsProfile implements Profile {
  readonly warmupMs: number;
  readonly durationMs: number;
  private counter: SystemCallCounter | undefined;
  private calls: SystemCalls = new Map();

  constructor(
    private readonly place: Place,
    quick: boolean,
  ) {
    this.warmupMs = quick ? 100 : 1000;
    this.durationMs = quick ? 100 : 2000;
  }

  command(command: Command): Command {
    return command;
  }

  async begin(pid: number): Promise<void> {
    this.counter = await SystemCallCounter.attach(pid);
  }

  async end(): Promise<void> {
    if (this.counter !== undefined) this.calls = await this.counter.detach();
  }

  async report(messages: number): Promise<readonly string[]> {
    if (this.counter === undefined) return ['not available: strace is not on the path, or may not attach'];
    writeFileSync(
      `${this.place.stem}.calls.json`,
      `${JSON.stringify({ messages, calls: Object.fromEntries(this.calls) }, undefined, 2)}\n`,
    );
    const each = new Map([...this.calls].map(([name, count]) => [name, count / messages]));
    return [`${(totalOf(this.calls) / messages).toFixed(3)} calls/message over ${messages} messages`, ...costLines(each, 6, 3, '')];
  }
}
