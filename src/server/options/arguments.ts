import { NetmuxError } from '../../errors.js';
import { badOption, decoded, type GivenOption, NO_VALUE, type SourceReading, unknownOption } from './given-option.js';
import type { OptionRow, OptionTable } from './option-row.js';
import { converted, shown, shownName, TYPE_RULES } from './option-types.js';

/** The command line, or the list that `run()` got. */
export interface ArgumentReading extends SourceReading {
  /** The words that are no options, in order. */
  readonly rest: readonly string[];
}

/** What a word with dashes says. `value` is undefined where it has none. */
interface Parts {
  readonly name: string;
  readonly value?: string;
}

/** `-p`, `-port=7000`, as other programs have them; neither `-` nor `-1`. */
const LOOKS_LIKE_OPTION = /^-[A-Za-z]/;
const NO_OPTION = 'a word of the program, no option: those begin with two dashes (behind -- nothing is said)';

/**
 * Takes the options out of a command line: `--name=value`, `--name value`, `--flag` and `name=value`, where `name` is known.
 * All other words stay, in order; one with a single dash is warned of. `--` ends the options. (Net::Server, where also the bare word `name` is taken)
 */
export function readArguments(words: readonly string[], table: OptionTable): ArgumentReading {
  const given: GivenOption[] = [];
  const rest: string[] = [];
  const unknown: NetmuxError[] = [];
  const warnings: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (word === '--') {
      rest.push(...words.slice(at + 1));
      break;
    }
    const parts = partsOf(word, table);
    if (parts === undefined) {
      rest.push(word);
      if (LOOKS_LIKE_OPTION.test(word)) warnings.push(`${shown(word)}: ${NO_OPTION}`);
    } else if (parts instanceof NetmuxError) {
      rest.push(word);
      unknown.push(parts);
    } else {
      const row = table[parts.name]!;
      const next = words[at + 1];
      const isTaken = parts.value === undefined && next !== undefined && takesNext(row, next);
      if (isTaken) at += 1;
      const text = isTaken ? next : parts.value;
      given.push({ name: parts.name, value: text === undefined ? NO_VALUE : decoded(text), place: `--${parts.name}` });
    }
  }
  return { given, rest, unknown, warnings };
}

/**
 * Takes the options out of a list of pairs, `['port', 7000, '--user', 'nobody', '--background']`: as the command line, but
 * that names need no dashes, values may be anything, and nothing may be left. (Net::Server run)
 */
export function readPairs(words: readonly unknown[], table: OptionTable, source: string): SourceReading {
  const given: GivenOption[] = [];
  const unknown: NetmuxError[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    const parts = typeof word !== 'string' ? undefined : Object.hasOwn(table, word) ? { name: word } : partsOf(word, table);
    if (parts === undefined || parts instanceof NetmuxError) {
      unknown.push(parts ?? badOption(source, `${shown(word)} stands where the name of an option should be`));
      continue;
    }
    const { name, value: text }: Parts = parts;
    const isPair = word === name;
    const hasNext = at + 1 < words.length;
    const next = words[at + 1];
    const isTaken = text === undefined && hasNext && (isPair || typeof next !== 'string' || takesNext(table[name]!, next));
    if (isTaken) at += 1;
    const value = isTaken ? next : (text ?? NO_VALUE);
    given.push({ name, value: typeof value === 'string' ? decoded(value) : value, place: `option ${name} given to ${source}` });
  }
  return { given, unknown, warnings: [] };
}

/**
 * @returns an error for a word that begins as options do, and names none; undefined for one that does not begin so
 * @throws NETMUX_BAD_OPTION for an option whose value cannot be told
 */
function partsOf(word: string, table: OptionTable): Parts | NetmuxError | undefined {
  const [, dashes, name = '', separator, value = ''] = /^(--)?([A-Za-z_][^=\s]*)(?:([=\s])(.*))?$/s.exec(word) ?? [];
  const isKnown = Object.hasOwn(table, name);
  const hasBlank = /\s/.test(value);
  if (dashes === undefined) return isKnown && separator === '=' && value !== '' && !hasBlank ? { name, value } : undefined;
  const place = `--${shownName(name)}`;
  if (!isKnown) return badOption(place, unknownOption(name, table, '--'));
  if (separator === undefined) return { name };
  if (value === '') throw badOption(place, `there is no value in ${shown(word)}; an empty one is a word of its own`);
  if (hasBlank) throw badOption(place, `a value with blanks is a word of its own behind ${place}, not part of ${shown(word)}`);
  return { name, value };
}

/** A flag takes only a word that says yes or no: any other is one of the program's own. */
function takesNext(row: OptionRow, next: string): boolean {
  const { flag } = TYPE_RULES[row.type];
  if (flag === undefined || row.type === 'any') return !/^--(\w|$)/.test(next);
  return typeof converted(next, row) === 'boolean' || row.allows?.(next) === true;
}
