/** Runs load/, the load generator, and understands what it prints. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { spawnPinned } from './server-process.js';

/** Above any stage, under emulation too: the generator itself gives up when it gets no answer for `stallMs`. */
const STAGE_TIMEOUT_MS = 900_000;

export interface LoadOptions {
  readonly port: number;
  readonly mode: 'closed' | 'open' | 'churn' | 'idle' | 'broadcast';
  readonly framing: 'raw' | 'lines' | 'ping';
  readonly connections: number;
  readonly inFlight?: number;
  /** Bytes of a message. */
  readonly size?: number;
  readonly warmupMs?: number;
  /** The warm-up goes on until so many messages were answered, up to eight times as long. */
  readonly warmupMessages?: number;
  readonly durationMs?: number;
  /** Length of a further stage, 'counted', behind the measurement. */
  readonly countMs?: number;
  /** Open mode: messages per second, of all connections together. */
  readonly perSecond?: number;
  /** Idle mode: connections that are opened before the stage 'baseline'. */
  readonly baseline?: number;
  /** A server that says nothing for so long has lost what is missing; 10 s unless given. */
  readonly stallMs?: number;
  /** Generators with different seeds send different bytes. */
  readonly seed?: number;
}

export interface LoadResult {
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
  /** What the generator itself used. */
  readonly cpuSeconds: number;
  readonly wrongBytes: number;
  readonly extraBytes: number;
  readonly missing: number;
  readonly lost: number;
  readonly latencyUs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number; readonly max: number };
}

export type StageName = 'warm' | 'baseline' | 'held' | 'done' | 'counted';

/** A server that did not do what it is measured for: no figure of it may be shown. */
export class Refusal extends Error {}

/** @throws Refusal unless every message came back, whole and unchanged, on connections that lasted */
export function assertCorrect(result: LoadResult): void {
  const faults = [
    [result.wrongBytes, 'wrong bytes'],
    [result.extraBytes, 'surplus bytes'],
    [result.missing, 'messages missing'],
    [result.lost, 'connections lost'],
  ] as const;
  const found = faults.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  if (found.length > 0) throw new Refusal(found.join(', '));
  if (result.messages === 0) throw new Refusal('no message was answered');
}

export class LoadGenerator {
  private readonly lines: AsyncIterableIterator<string>;

  private constructor(private readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.resume();
    // The generator may end before it is answered; what it said last tells why.
    child.stdin!.on('error', () => {});
  }

  static start(program: string, options: LoadOptions, core: number | undefined): LoadGenerator {
    const args = [
      `--port=${options.port}`,
      `--mode=${options.mode}`,
      `--framing=${options.framing}`,
      `--connections=${options.connections}`,
    ];
    const add = (name: string, value: number | undefined): void => {
      if (value !== undefined) args.push(`--${name}=${value}`);
    };
    add('in-flight', options.inFlight);
    add('size', options.size);
    add('warmup-ms', options.warmupMs);
    add('warmup-messages', options.warmupMessages);
    add('duration-ms', options.durationMs);
    add('count-ms', options.countMs);
    add('per-second', options.perSecond);
    add('baseline', options.baseline);
    add('stall-ms', options.stallMs);
    add('seed', options.seed);
    return new LoadGenerator(spawnPinned(program, args, core));
  }

  /**
   * Waits until the generator stands still at the stage that must come next.
   * @throws Refusal when the server let it down before
   */
  async reach(stage: Exclude<StageName, 'done' | 'counted'>): Promise<void> {
    await this.next(stage);
  }

  /**
   * The measurement. The connections are open until `stop`.
   * @throws Refusal when a byte was wrong, a message missing or a connection lost
   */
  async result(): Promise<LoadResult> {
    const result = (await this.next('done')) as unknown as LoadResult;
    assertCorrect(result);
    return result;
  }

  /**
   * The stage behind the measurement.
   * @returns the messages that were answered in it
   */
  async counted(): Promise<number> {
    return Number((await this.next('counted')).messages);
  }

  /** Lets the generator go on with the next stage. */
  proceed(): void {
    this.child.stdin!.write('\n');
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private async next(wanted: StageName): Promise<Record<string, unknown>> {
    const timer = setTimeout(() => this.stop(), STAGE_TIMEOUT_MS);
    const { value, done } = await this.lines.next();
    clearTimeout(timer);
    if (done) throw new Refusal(`the load generator ended before the stage '${wanted}'`);
    const line = JSON.parse(value) as Record<string, unknown>;
    if (line.stage === 'failed') throw new Refusal(String(line.error));
    if (line.stage !== wanted) throw new Error(`the load generator is at '${line.stage}', not at '${wanted}'`);
    return line;
  }
}
