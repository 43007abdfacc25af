/**
 * The recorded configurations of the original: what its sources give, and in what order. Where netmux differs, the entry is
 * named here.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NetmuxError } from '../../src/errors.js';
import type { OptionTable } from '../../src/server/options/option-row.js';
import { collectOptions } from '../../src/server/options/sources.js';
import { SERVER_OPTIONS } from '../../src/server/options/table.js';

interface Vector {
  readonly name: string;
  readonly new?: object;
  readonly argv?: readonly string[];
  readonly run?: object;
  readonly runlist?: readonly unknown[];
  readonly conf?: string;
  readonly defaults?: object;
  readonly argv_left: readonly string[];
  readonly result: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly warnings?: readonly string[];
}

type Change = Partial<Pick<Vector, 'argv_left' | 'result' | 'error' | 'warnings'>> & { readonly because: string };

/** Entries that a deviation changes. CONF stands for the configuration file. */
const CHANGED: Readonly<Record<string, Change>> = {
  'command line forms': {
    because: 'D21: positional words stay, `host h1` among them',
    argv_left: ['host', 'h1'],
    result: { group: 'b', log_level: 2, port: ['81'], setsid: true, user: 'a' },
  },
  'flag swallows next plain word': {
    because: 'D21: positional words stay',
    argv_left: ['foo', 'bar'],
    result: { setsid: true, log_level: 2 },
  },
  'bare word equal to an option name is taken': {
    because: 'D21: positional words stay',
    argv_left: ['file', 'listen'],
    result: { log_level: 2 },
  },
  'option value with spaces in = form': {
    because: 'D21: what begins as an option and is none is an error',
    error: `--user: a value with blanks is a word of its own behind --user, not part of "--user=a b"`,
  },
  'empty value with =': {
    because: 'D21: what begins as an option and is none is an error',
    error: `--my_scalar: there is no value in "--my_scalar="; an empty one is a word of its own`,
  },
  'conf: comments and blank': {
    because: 'D21: blanks are trimmed',
    result: { group: 'b', log_level: 2, my_scalar: 'c#d', user: 'a' },
  },
  'conf: trailing blanks are kept': { because: 'D21: blanks are trimmed', result: { group: 'b', log_level: 2, user: 'a' } },
  'conf: unknown key with key=value text': { because: 'D21: unknown options are errors', error: 'CONF:1: motd: unknown option' },
  'conf: dashes in key': {
    because: 'D21: unknown options are errors',
    error: 'CONF:1: my-scalar: unknown option (did you mean my_scalar?)',
  },
  'conf: percent': { because: 'D21: two-digit escapes', result: { log_level: 2, my_scalar: 'a b' } },
  'conf: value starting with --word becomes 1': {
    because: 'D21: a value is not tried as an option',
    result: { log_level: 2, my_scalar: '--abc', user: 'a' },
  },
  'conf: missing file in run': {
    because: 'D21: a missing file is an error',
    error: `option conf_file given to run(): Couldn't open conf "/nonexistent" [no such file or directory]`,
  },
  'ports alias': {
    because: 'D21: unknown options are errors',
    error: 'option ports given to the constructor: unknown option (did you mean port?)',
  },
};

/** Entries with the same result, of which netmux tells what it made of them. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  'log_level above 4 clamps': ['option log_level given to run(): must be a whole number from 0 to 4, not 9; taken as 4'],
  'log_level not a number': ['option log_level given to run(): must be a whole number from 0 to 4, not "abc"; taken as 2'],
  'single dash is not an option': ['-user=a', '-port'].map(
    (word) => `"${word}": a word of the program, no option: those begin with two dashes (behind -- nothing is said)`,
  ),
  'conf: key without value is ignored': ['CONF:1: setsid: has no value and is passed over'],
};

/** The options that the recorder had declared for itself. */
const own = {
  my_scalar: { type: 'any', meaning: 'a single value' },
  my_list: { type: 'any', list: true, meaning: 'a list' },
} as const satisfies OptionTable;

const folder = mkdtempSync(join(tmpdir(), 'netmux-options-'));
const conf = join(folder, 'server.conf');
afterAll(() => rmSync(folder, { recursive: true }));

const vectors: readonly Vector[] = JSON.parse(readFileSync(new URL('vectors-config.json', import.meta.url), 'utf8'));

/** Perl's 1 and "0" as what they mean to an option that is a flag. */
function withFlags(result: Vector['result']): Record<string, unknown> {
  const isFlag = (name: string) => ['boolean', 'lookups'].includes(SERVER_OPTIONS[name]?.type ?? '');
  const entries = Object.entries(result).map(([name, value]) => [
    name,
    isFlag(name) && (value === 1 || value === '0') ? value === 1 : value,
  ]);
  return Object.fromEntries(entries);
}

/** What the original would have among its properties: what was given, and what follows from it. */
function propertiesOf({ settings, places }: ReturnType<typeof play>): Record<string, unknown> {
  const follows = (name: string, value: unknown) => name === 'log_level' || (name.endsWith('reverse_lookups') && value !== false);
  const entries = Object.entries(settings).filter(([name, value]) => (places.has(name) && name !== 'conf_file') || follows(name, value));
  return Object.fromEntries(entries);
}

function play(vector: Vector) {
  if (vector.conf !== undefined) writeFileSync(conf, vector.conf);
  return collectOptions({
    constructed: { ...vector.new, ...(vector.conf !== undefined && { conf_file: conf }) },
    argv: vector.argv ?? [],
    run: vector.runlist ?? vector.run ?? {},
    defaults: vector.defaults ?? {},
    own,
  });
}

describe('configurations recorded from Net::Server', () => {
  it('the entries that differ are among those that were recorded', () => {
    const names = vectors.map(({ name }) => name);
    expect([...Object.keys(CHANGED), ...Object.keys(TOLD)].filter((name) => !names.includes(name))).toEqual([]);
    expect(vectors).toHaveLength(40);
  });

  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (name, vector) => {
    const change = CHANGED[name];
    const error = change?.error ?? (change?.result ? undefined : vector.error);
    if (error !== undefined) {
      const message = error.replace(/^FATAL: /, '').replace('CONF', conf);
      expect(() => play(vector)).toThrow(NetmuxError);
      expect(() => play(vector)).toThrow(message);
      return;
    }
    const outcome = play(vector);
    expect(outcome.rest).toEqual(change?.argv_left ?? vector.argv_left);
    expect(propertiesOf(outcome)).toEqual(change?.result ?? withFlags(vector.result));
    expect(outcome.warnings).toEqual((TOLD[name] ?? []).map((line) => line.replace('CONF', conf)));
  });
});
