/**
 * Instructions in user space for each message, counted by valgrind's callgrind. The count does not depend on what else the
 * machine does: two runs differ by what V8 compiles and when it collects garbage, and these have lines of their own.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from '../server-process.js';
import { findOnPath } from '../toolchain.js';
import { parseCallgrind } from './callgrind-file.js';
import { CompiledCode } from './compiled-code.js';
import { costLines, type Place, type Profile } from './tool.js';

const CONTROL_TIMEOUT_MS = 60_000;

/**
 * Under valgrind everything is thirty times slower, and V8 compiles what it has seen often: the warm-up must be long. So many
 * messages, because a busy machine makes fewer of the same time: with 24,000 half of what was counted was V8's compiler.
 */
const WARMUP_MS = 15_000;
const WARMUP_MESSAGES = 150_000;
const DURATION_MS = 5000;

const COMPILATION = 'V8, compilation';

/** What V8 does now and then, and not for a message. */
const KINDS: readonly (readonly [kind: string, functions: RegExp])[] = [
  ['V8, garbage collection', /Mark|Scaveng|Sweep|Evacuat|Heap|GC|Visit|Iterate|PointersUpdating|StringTable|Space|Compact|Weak/],
  [COMPILATION, /compiler|Compil|Turbo|Maglev|Baseline|Sparkplug|Parser|Optimiz|Register|Assembler|Schedul|Graph/],
];

const NOT_A_MESSAGES = KINDS.map(([kind]) => kind);

/** How far V8 has come with a function, by what it writes before its name. */
const TIERS: Readonly<Record<string, string>> = { '*': 'JavaScript, optimized', '+': 'JavaScript, optimized', '^': 'JavaScript, baseline' };

/** @param name what callgrind calls it, an address for code that was made at run time; @param codeName what V8 calls that */
function kindOf(object: string, name: string, codeName: string): string {
  if (object === '' || object === '???') return TIERS[/^JS:([*+^])/.exec(codeName)?.[1] ?? ''] ?? 'compiled code';
  const file = object.slice(object.lastIndexOf('/') + 1);
  // One for each bytecode.
  if (/^Builtins_\w+Handler$/.test(name)) return 'JavaScript, interpreted';
  if (name.startsWith('Builtins_')) return 'V8, builtins';
  if (!name.includes('v8::')) return file;
  return KINDS.find(([, functions]) => functions.test(name))?.[0] ?? 'V8, other';
}

export class CallgrindProfile implements Profile {
  readonly warmupMs: number;
  readonly warmupMessages: number;
  readonly durationMs: number;
  private readonly file: string;
  private pid = 0;

  constructor(
    private readonly place: Place,
    quick: boolean,
  ) {
    this.warmupMs = quick ? 500 : WARMUP_MS;
    this.warmupMessages = quick ? 0 : WARMUP_MESSAGES;
    this.durationMs = quick ? 500 : DURATION_MS;
    this.file = `${place.stem}.callgrind.out`;
  }

  command(command: Command): Command {
    const valgrind = findOnPath('valgrind');
    if (valgrind === undefined) throw new Error('valgrind is not on the path');
    // V8 writes code: valgrind has to look at it again. One thread, so that collecting and compiling is counted where it belongs;
    // and no collection just because the process has been quiet for eight seconds, which is none of a message's business.
    const options = ['--tool=callgrind', '--instr-atstart=no', '--smc-check=all-non-file', `--callgrind-out-file=${this.file}`];
    const node = this.place.isNode ? ['--single-threaded', '--no-memory-reducer', '--perf-basic-prof'] : [];
    return { ...command, file: valgrind, args: [...options, command.file, ...node, ...command.args] };
  }

  async begin(pid: number): Promise<void> {
    this.pid = pid;
    this.control(pid, '-i', 'on');
  }

  async end(pid: number): Promise<void> {
    this.control(pid, '-i', 'off');
    this.control(pid, '-d');
  }

  async report(messages: number): Promise<readonly string[]> {
    // The first dump; the second one, at the end, is empty.
    const costs = parseCallgrind(readFileSync(`${this.file}.1`, 'latin1'));
    const code = CompiledCode.take(this.pid);
    const [kinds, functions] = [new Map<string, number>(), new Map<string, number>()];
    for (const { object, name, self } of costs) {
      const codeName = code.nameOf(name);
      const kind = kindOf(object, name, codeName);
      kinds.set(kind, (kinds.get(kind) ?? 0) + self / messages);
      if (NOT_A_MESSAGES.includes(kind)) continue;
      const title = `${kind}  ${codeName}`;
      functions.set(title, (functions.get(title) ?? 0) + self / messages);
    }
    const total = [...kinds.values()].reduce((sum, cost) => sum + cost, 0);
    const rest = total - (kinds.get(COMPILATION) ?? 0);
    const compiler = this.place.isNode ? `, and ${(total - rest).toFixed(0)} of V8's compiler` : '';
    return [
      `${rest.toFixed(0)} instructions/message over ${messages} messages${compiler}`,
      ...costLines(kinds, 10, 0, ''),
      'by function, without collecting and compiling:',
      ...costLines(functions, 20, 1, ''),
    ];
  }

  private control(pid: number, ...args: string[]): void {
    const { status, stderr, stdout } = spawnSync('callgrind_control', [...args, String(pid)], {
      encoding: 'utf8',
      timeout: CONTROL_TIMEOUT_MS,
    });
    if (status !== 0) throw new Error(`callgrind_control: ${(stderr || stdout).trim().split('\n')[0]}`);
  }
}
