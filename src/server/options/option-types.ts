import { SHOWN_LENGTH, shown as shownValue } from '../../errors.js';
import { MAX_PORT } from '../../mux/socket-options.js';
import { readBlock } from '../access/block.js';
import { patternProblem } from '../access/entry-expression.js';
import type { OptionRow, OptionType } from './option-row.js';

/** What is done with the values of a type of option. */
interface TypeRules {
  /** What the value is called in the command-line help. */
  readonly placeholder: string;
  /** The value of an option that is named without one, if that is allowed. */
  readonly flag?: unknown;
  /** What is allowed, in words; a row's own `range` goes first. */
  range(row: OptionRow): string;
  /** The value that a text stands for; a text that stands for none stays one, and is refused. */
  fromText(text: string): unknown;
  allows(value: unknown, row: OptionRow): boolean;
  /** What is wrong with a value beyond that. */
  refuses?(value: unknown): string | undefined;
}

const MAX_MODE = 0o777;

const FLAG_WORDS: Readonly<Record<string, boolean>> = {
  '': false,
  0: false,
  no: false,
  off: false,
  false: false,
  1: true,
  yes: true,
  on: true,
  true: true,
};

function flagFromText(text: string): boolean | string {
  return Object.hasOwn(FLAG_WORDS, text) ? FLAG_WORDS[text]! : text;
}

const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');
const isWithin = (value: unknown, least: number, most: number) => typeof value === 'number' && value >= least && value <= most;
const isNumber = (value: unknown, { least = -Infinity, most = Infinity }: OptionRow) => isWithin(value, least, most);

function limits({ least, most, unit }: OptionRow): string {
  const between = least === undefined ? '' : most === undefined ? ` from ${least} on` : ` from ${least} to ${most}`;
  return unit === undefined ? between : `${between} (${unit})`;
}

function isPort(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && isWithin(value, 0, MAX_PORT);
  return isText(value) || (typeof value === 'object' && value !== null && Object.hasOwn(value, 'port'));
}

function isFamily(value: unknown): boolean {
  return typeof value === 'string' && /[46*]/.test(value);
}

function isLogger(value: unknown): boolean {
  if (typeof value === 'function') return true;
  if (typeof value === 'string') return /^\w+$/.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return ['error', 'warn', 'info', 'debug'].every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** @param problem only a text is one */
function about(value: unknown, problem: unknown): string | undefined {
  return typeof problem === 'string' ? `${shown(value)} ${problem}` : undefined;
}

const asIs = (text: string): unknown => text;
const numberFromText = (text: string): unknown => (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : text);

export const TYPE_RULES: Readonly<Record<OptionType, TypeRules>> = {
  string: { placeholder: 'TEXT', range: () => 'a text', fromText: asIs, allows: isText },
  path: { placeholder: 'PATH', range: () => 'the name of a file or folder', fromText: asIs, allows: isText },
  integer: {
    placeholder: 'NUMBER',
    range: (row) => `a whole number${limits(row)}`,
    fromText: numberFromText,
    allows: (value, row) => Number.isInteger(value) && isNumber(value, row),
  },
  number: { placeholder: 'NUMBER', range: (row) => `a number${limits(row)}`, fromText: numberFromText, allows: isNumber },
  boolean: {
    placeholder: 'yes|no',
    flag: true,
    range: () => 'true or false (as text also 1 and 0, yes and no, on and off)',
    fromText: flagFromText,
    allows: (value) => typeof value === 'boolean',
  },
  mode: {
    placeholder: 'OCTAL',
    range: () => 'permissions from 0 to 777, in octal where they are a text',
    fromText: (text) => (/^(0o)?[0-7]{1,5}$/.test(text) ? Number.parseInt(text.replace('0o', ''), 8) : text),
    allows: (value) => Number.isInteger(value) && isWithin(value, 0, MAX_MODE),
  },
  choice: {
    placeholder: 'WORD',
    range: ({ choices = [] }) => `one of ${choices.map((choice) => choice || "''").join(', ')}`,
    fromText: asIs,
    allows: (value, { choices = [] }) => choices.includes(value as string),
  },
  port: {
    placeholder: 'PORT',
    range: () => `a port from 0 to ${MAX_PORT}, a text such as HOST:PORT/PROTO, or an object that has a port`,
    fromText: asIs,
    allows: isPort,
  },
  family: { placeholder: 'FAMILY', range: () => '4, 6 or *', fromText: asIs, allows: isFamily },
  pattern: {
    placeholder: 'REGEXP',
    range: () => 'a regular expression',
    fromText: asIs,
    allows: (value) => value instanceof RegExp || isText(value),
    refuses: (value) => about(value, patternProblem(value as string | RegExp)),
  },
  cidr: {
    placeholder: 'BLOCK',
    range: () => 'an address block such as 10.0.0.0/8 or 2001:db8::/32',
    fromText: asIs,
    allows: isText,
    refuses: (value) => about(value, readBlock(value as string)),
  },
  lookups: {
    placeholder: 'WORD',
    flag: true,
    range: () => 'true or false',
    fromText: flagFromText,
    allows: (value) => typeof value === 'boolean',
  },
  logger: {
    placeholder: 'METHOD',
    range: () => 'a function (level, text), the name of a method, or an object with the methods error, warn, info and debug',
    fromText: asIs,
    allows: isLogger,
  },
  function: {
    placeholder: '',
    range: () => 'a function, which only the program can give',
    fromText: asIs,
    allows: (value) => typeof value === 'function',
  },
  any: { placeholder: 'VALUE', flag: 1, range: () => 'anything', fromText: asIs, allows: () => true },
};

/** What a row allows, in words. */
export function rangeOf(row: OptionRow): string {
  return row.range ?? TYPE_RULES[row.type].range(row);
}

/** The value that the program, or a text, means. Perl's 0 and 1 are flags, too; a family is a text. */
export function converted(given: unknown, row: OptionRow): unknown {
  const { fromText } = TYPE_RULES[row.type];
  if (typeof given === 'string') return fromText(given);
  if (typeof given !== 'number') return given;
  if (row.type === 'family') return String(given);
  return row.type === 'boolean' || row.type === 'lookups' ? fromText(String(given)) : given;
}

/** What is wrong with a value, as a message goes on after its place; undefined if nothing is. */
export function complaintAbout(value: unknown, row: OptionRow): string | undefined {
  const rules = TYPE_RULES[row.type];
  const allowed = row.allows?.(value) ?? rules.allows(value, row);
  return allowed ? (row.refuses?.(value) ?? rules.refuses?.(value)) : `must be ${rangeOf(row)}, not ${shown(value)}`;
}

/** A value as messages show it; access rules may be regular expressions. */
export function shown(value: unknown): string {
  return value instanceof RegExp ? String(value) : shownValue(value);
}

/** A name as messages show it, also one that could not be a name. */
export function shownName(name: string): string {
  return /^[\w-]+$/.test(name) && name.length <= SHOWN_LENGTH ? name : shown(name);
}
