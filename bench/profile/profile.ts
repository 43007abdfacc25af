/** `npm run bench -- --profile NAME`: where the time of a scenario goes, for each message. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNode } from '../contestants.js';
import type { Missing } from '../rounds.js';
import { type Bench, type Entry, entries, type Load, type Scenario, withLoad } from '../scenario.js';
import { ServerProcess } from '../server-process.js';
import { ROOT } from '../toolchain.js';
import { CallgrindProfile } from './callgrind.js';
import { CallsProfile } from './calls.js';
import { PerfProfile } from './perf.js';
import type { Place, Profile } from './tool.js';
import { V8Profile } from './v8.js';

/** Who is taken apart: us, what we replace, and what the machine allows. */
export const PROFILED = ['netmux-native', 'net', 'epoll'];

/** A tool that writes a file when the server ends needs its time. */
const STOP_TIMEOUT_MS = 20_000;

/** `undefined` where the tool is of no use, such as V8's for a program in C. */
type ProfileMaker = (place: Place, quick: boolean) => Profile | undefined;

interface Tool {
  readonly title: string;
  readonly make: ProfileMaker;
}

const TOOLS: readonly Tool[] = [
  { title: 'system calls (strace)', make: (place, quick) => new CallsProfile(place, quick) },
  { title: 'instructions in user space (callgrind)', make: (place, quick) => new CallgrindProfile(place, quick) },
  { title: 'samples, kernel included (perf)', make: (place, quick) => new PerfProfile(place, quick) },
  { title: 'JavaScript (V8)', make: (place, quick) => (place.isNode ? new V8Profile(place, quick) : undefined) },
];

async function runTool(bench: Bench, { launch }: Entry, load: Load, profile: Profile): Promise<readonly string[]> {
  const server = await ServerProcess.start(launch, bench, (command) => profile.command(command));
  let messages = 0;
  try {
    const { warmupMs, warmupMessages = 0, durationMs } = profile;
    const timed = { ...load, warmupMs, warmupMessages, durationMs, port: server.port };
    await withLoad(bench, timed, async (generator) => {
      await generator.reach('warm');
      await profile.begin(server.pid);
      generator.proceed();
      ({ messages } = await generator.result());
      await profile.end(server.pid);
    });
  } finally {
    await server.stop(STOP_TIMEOUT_MS);
  }
  return profile.report(messages);
}

/** Prints as it goes, and writes the same and the tools' own files to bench/profiles/. */
export async function profileScenario(
  bench: Bench,
  scenario: Scenario,
  load: Load,
  missing: Missing,
  say: (line: string) => void,
): Promise<void> {
  const folder = join(ROOT, 'bench/profiles', scenario.name);
  mkdirSync(folder, { recursive: true });
  const written: string[] = [];
  const print = (line: string): void => {
    written.push(line);
    say(line);
  };
  print(`${scenario.name}: ${scenario.title}`);
  for (const entry of entries(scenario).filter(({ contestant: { id } }) => PROFILED.includes(id) && !missing.has(id))) {
    const { id, title } = entry.contestant;
    for (const tool of TOOLS) {
      const profile = tool.make({ stem: join(folder, id), isNode: isNode(entry.launch) }, bench.options.quick);
      if (profile === undefined) continue;
      print(`\n${title} · ${tool.title}`);
      for (const line of await lines(runTool(bench, entry, load, profile))) print(`  ${line}`);
    }
  }
  writeFileSync(join(folder, 'summary.txt'), `${written.join('\n')}\n`);
  say(`\nwritten to ${folder}`);
}

/** A tool that does not work here is a line. */
async function lines(result: Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await result;
  } catch (error) {
    return [`not available: ${error instanceof Error ? error.message : String(error)}`];
  }
}
