/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Shows that everything works, in less than a minute; its figures mean nothing. */
  readonly quick: boolean;
  readonly rounds: number;
  /** Length of one measurement, in milliseconds. */
  readonly windowMs: number;
  /** How long the load runs before, so that the JIT compiler is through. */
  readonly warmupMs: number;
  /** Names of scenarios, or beginnings of them; empty = all. */
  readonly only: readonly string[];
  /** Where the results go as JSON, and the page beside them; a place of their own unless they are of the quick form. */
  readonly json: string | undefined;
  /** Older results to compare with. */
  readonly compare: string | undefined;
  /** Only what TARGETS lists, and a verdict on each. */
  readonly targets: boolean;
  /** Downloads the runtimes to compare with, and measures nothing. */
  readonly fetch: boolean;
  /** Scenario whose costs are taken apart in place of a measurement. */
  readonly profile: string | undefined;
}

/** Five, so that the median is not one lucky window; the machine's noise is larger than what most changes gain. */
const DEFAULT_ROUNDS = 5;

/** The kernel samples the split of CPU time into user and system 250 times a second: shorter windows say little about it. */
const DEFAULT_WINDOW_MS = 1500;
const DEFAULT_WARMUP_MS = 700;

const QUICK_WINDOW_MS = 100;
const QUICK_WARMUP_MS = 50;

export const USAGE = `npm run bench -- [options]
  --quick          every contestant once and briefly: shows that everything works, asserts no times
  --rounds=N       rounds, each with every contestant (default ${DEFAULT_ROUNDS})
  --seconds=S      length of one measurement (default ${DEFAULT_WINDOW_MS / 1000})
  --only=NAME,…    scenarios whose names begin so
  --json=FILE      writes the results there, and a page beside them (default bench/results/<date>.json; of --quick nothing)
  --compare=OLD    what has changed, outside the noise, since these older results
  --targets        what the targets are about, and a verdict on each
  --profile=NAME   where the time of a scenario goes, per message; writes bench/profiles/
  --fetch          downloads newer Nodes, Bun and Deno from npm into .cache/bench, to compare with
  --help           this text`;

/** What a profile has no use for. */
const NOT_OF_A_PROFILE = ['rounds', 'seconds', 'only', 'json', 'compare', 'targets'] as const;

/** Misuse of the command line; `message` names the option. */
export class UsageError extends Error {}

function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`--${name}=${text}: not a positive number`);
  return value;
}

/**
 * @returns the options, or 'help'
 * @throws UsageError for an unknown option, a bad value, or what has no effect beside --profile
 */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parse(args);
  if (values.help) return 'help';
  const quick = values.quick ?? false;
  const idle = values.profile === undefined ? undefined : NOT_OF_A_PROFILE.find((name) => values[name] !== undefined);
  if (idle !== undefined) throw new UsageError(`--${idle}: a profile takes none; it is as long as it needs to be`);
  return {
    quick,
    rounds: Math.ceil(positive('rounds', values.rounds, quick ? 1 : DEFAULT_ROUNDS)),
    windowMs: Math.round(positive('seconds', values.seconds, (quick ? QUICK_WINDOW_MS : DEFAULT_WINDOW_MS) / 1000) * 1000),
    warmupMs: quick ? QUICK_WARMUP_MS : DEFAULT_WARMUP_MS,
    only: (values.only ?? []).flatMap((names) => names.split(',')).filter((name) => name !== ''),
    json: values.json,
    compare: values.compare,
    targets: values.targets ?? false,
    fetch: values.fetch ?? false,
    profile: values.profile,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        only: { type: 'string', multiple: true },
        json: { type: 'string' },
        compare: { type: 'string' },
        targets: { type: 'boolean' },
        fetch: { type: 'boolean' },
        profile: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
