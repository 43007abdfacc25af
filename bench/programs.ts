/** Programs that run to their end: other people's loads, and contestants that print their figures. */
import { once } from 'node:events';
import type { Launch } from './contestants.js';
import { Refusal } from './load-generator.js';
import { commandFor, type Grounds, spawnPinned } from './server-process.js';

/** Above what any of them takes on a busy machine. */
const TIMEOUT_MS = 120_000;

export interface Ended {
  /** `null`: killed. */
  readonly status: number | null;
  /** Of both outputs. */
  readonly output: string;
  readonly milliseconds: number;
}

/** @param file a program of the path or a path */
export async function runToEnd(file: string, args: readonly string[], core: number | undefined): Promise<Ended> {
  const begin = performance.now();
  const child = spawnPinned(file, args, core);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  const [status] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { status, output, milliseconds: performance.now() - begin };
}

export interface Printed extends Ended {
  /** Of the JSON object that it printed. */
  readonly figures: Readonly<Record<string, number>>;
}

/**
 * Runs a contestant that is no server, on the server's core.
 * @throws Refusal when it fails
 */
export async function runContestant(launch: Launch, grounds: Grounds, ...more: readonly string[]): Promise<Printed> {
  const { file, args } = await commandFor(launch, grounds);
  const ended = await runToEnd(file, [...args, ...more], grounds.cores.server);
  const printed = ended.output.trim().split('\n').at(-1) ?? '';
  if (ended.status !== 0 || !printed.startsWith('{'))
    throw new Refusal(`${file} failed (${ended.status}): ${ended.output.trim().slice(-500)}`);
  return { ...ended, figures: JSON.parse(printed) as Record<string, number> };
}
