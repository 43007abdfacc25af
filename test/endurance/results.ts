/** The results that RELIABILITY.md is made of. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../bench/toolchain.js';
import type { Outcome } from './program.js';

/** The commit that was tested; with a `+` when files differ from it. */
function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  // What an earlier program has left among the results changes nothing of what is tested.
  const changed = git('status', '--porcelain', '--', '.', ':!test/endurance/results', ':!RELIABILITY.md');
  return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : '+');
}

/** Writes `test/endurance/results/NAME.json`, `NAME-node.json` for the pure-Node engine, over what was there. */
export function keepResult(outcome: Outcome, command: string): void {
  const processors = cpus();
  const machine = `Node ${process.version}, Linux ${release()}, ${processors.length} × ${processors[0]?.model ?? 'unknown'}`;
  const folder = join(ROOT, 'test/endurance/results');
  mkdirSync(folder, { recursive: true });
  const result = { ...outcome, date: new Date().toISOString(), commit: commit(), machine, command };
  const name = outcome.engine === 'node' ? `${outcome.name}-node` : outcome.name;
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}
