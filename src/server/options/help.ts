import type { OptionRow, OptionTable } from './option-row.js';
import { TYPE_RULES } from './option-types.js';

/** Wider lines are hard to read, and most terminals are no narrower. */
const WIDTH = 80;

/** Where the meanings begin. */
const MEANING_COLUMN = 8;

const OWN_GROUP = 'Options of this server';

const UNIT_PLACEHOLDERS: Readonly<Record<string, string>> = { bytes: 'BYTES', seconds: 'SECONDS' };

/** Longer lists of choices are in the text, not in the name. */
const MAX_CHOICES_LENGTH = 40;

/**
 * What `--help` prints: how the program is called, and each option that can be given as text.
 * @param name of the program, as it is typed
 */
export function helpText(name: string, table: OptionTable): string {
  const lines = [`usage: ${name} [--OPTION=VALUE] [--OPTION VALUE] [--FLAG] [--] [WORD]...`];
  for (const [group, rows] of groupsOf(table)) {
    const shown = Object.entries(rows).filter(([, row]) => row.perlOnly === undefined && row.type !== 'function');
    if (shown.length > 0) lines.push('', group);
    for (const [option, row] of shown) lines.push(`  --${option}${valueText(row)}`, ...wrapped(explanation(row)));
  }
  return `${lines.join('\n')}\n`;
}

/** The rows under their headings, those of the program first. */
export function groupsOf(table: OptionTable): ReadonlyMap<string, OptionTable> {
  const groups = new Map<string, Record<string, OptionRow>>([[OWN_GROUP, {}]]);
  for (const [name, row] of Object.entries(table)) {
    const group = row.group ?? OWN_GROUP;
    const rows = groups.get(group) ?? {};
    groups.set(group, Object.assign(rows, { [name]: row }));
  }
  if (Object.keys(groups.get(OWN_GROUP)!).length === 0) groups.delete(OWN_GROUP);
  return groups;
}

/** What stands behind the name of an option: `=BYTES`, nothing for a flag. */
export function valueText(row: OptionRow): string {
  const { placeholder, flag } = TYPE_RULES[row.type];
  if (placeholder === '') return '';
  const choices = row.choices?.filter(Boolean).join('|') ?? '';
  const value = choices !== '' && choices.length <= MAX_CHOICES_LENGTH ? choices : (UNIT_PLACEHOLDERS[row.unit ?? ''] ?? placeholder);
  return flag === undefined ? `=${value}` : `[=${value}]`;
}

/** The default of an option, as users would write it; undefined where there is none. */
export function defaultText(row: OptionRow): string | undefined {
  if (row.otherwise !== undefined) return row.otherwise;
  const { default: value, unit } = row;
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (typeof value !== 'number') return Array.isArray(value) ? value.join(', ') : String(value);
  if (unit === 'bytes') return bytesText(value);
  return unit === 'seconds' ? `${value} s` : String(value);
}

function bytesText(bytes: number): string {
  for (const [unit, size] of [
    ['MiB', 1024 * 1024],
    ['KiB', 1024],
  ] as const) {
    if (bytes > 0 && bytes % size === 0) return `${bytes} = ${bytes / size} ${unit}`;
  }
  return String(bytes);
}

function explanation(row: OptionRow): string {
  const byDefault = defaultText(row);
  // Of the other types the name says what is allowed.
  const allowed = row.range !== undefined && (row.type === 'string' || row.type === 'lookups') ? [row.range] : [];
  const zero = /\b0 \(([^)]+)\)/.exec(row.range ?? '')?.[1];
  const remarks = [
    ...allowed,
    ...(zero === undefined ? [] : [`0: ${zero}`]),
    ...(row.list ? ['may be given several times'] : []),
    ...(byDefault === undefined ? [] : [`default: ${byDefault}`]),
  ];
  return remarks.length === 0 ? row.meaning : `${row.meaning} (${remarks.join('; ')})`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && MEANING_COLUMN + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `${' '.repeat(MEANING_COLUMN)}${each}`);
}
