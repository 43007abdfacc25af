import { closeSync, openSync, readSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import type { NetmuxError } from '../../errors.js';
import { badOption, decoded, type GivenOption, type SourceReading, unknownOption } from './given-option.js';
import type { OptionTable } from './option-row.js';
import { shown, shownName } from './option-types.js';

/** Hundreds of thousands of access rules; what is longer is something else, a device that never ends among it. */
const MAX_MEBIBYTES = 16;

const CHUNK_BYTES = 65_536;

/**
 * @param place of the option that named the file
 * @throws NETMUX_BAD_OPTION where it cannot be read
 */
export function readConfFile(file: string, table: OptionTable, place: string): SourceReading {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    const { errno, message } = error as NodeJS.ErrnoException;
    const reason = errno === undefined ? message : (getSystemErrorMap().get(errno)?.[1] ?? message);
    throw badOption(place, `Couldn't open conf ${shown(file)} [${reason}]`, { cause: error });
  }
  return parseConf(text, file, table);
}

/** Also of a pipe, whose length nobody knows before. */
function readText(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = readSync(descriptor, chunk);
      if (count === 0) return Buffer.concat(chunks).toString('utf8');
      chunks.push(chunk.subarray(0, count));
      total += count;
      if (total > MAX_MEBIBYTES * 1_048_576) throw new Error(`it is longer than ${MAX_MEBIBYTES} MiB`);
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * A configuration file: one `NAME VALUE`, `NAME = VALUE` or `NAME: VALUE` a line, `--` before the name is allowed. A `#` begins a
 * comment, `\#` is one. Blank lines and `[sections]` are passed over, and so, with a warning, are options without a value.
 * (Net::Server conf_file)
 * @param file the name for messages
 */
export function parseConf(text: string, file: string, table: OptionTable): SourceReading {
  const given: GivenOption[] = [];
  const unknown: NetmuxError[] = [];
  const warnings: string[] = [];
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const line = withoutComment(raw).trim();
    if (line === '' || /^\[.*\]$/.test(line)) continue;
    const where = `${file}:${index + 1}`;
    const { name, value } = assignmentIn(line);
    if (name === undefined) unknown.push(badOption(where, `${shown(line)} is no line of the form NAME VALUE`));
    else if (!Object.hasOwn(table, name)) unknown.push(badOption(`${where}: ${shownName(name)}`, unknownOption(name, table)));
    else if (value === undefined) warnings.push(`${where}: ${name}: has no value and is passed over`);
    else if (name === 'conf_file') warnings.push(`${where}: ${name}: a configuration file does not name another one; passed over`);
    else given.push({ name, value: decoded(value), place: `${where}: ${name}` });
  }
  return { given, unknown, warnings };
}

function withoutComment(line: string): string {
  return line.replace(/(?<!\\)#.*$/s, '').replaceAll('\\#', '#');
}

/** `host ::1` is separated by the blank: an address may begin with two colons. */
function assignmentIn(line: string): { readonly name?: string; readonly value?: string } {
  const [, name, rest = ''] = /^(?:--)?([A-Za-z_][\w-]*)(.*)$/s.exec(line) ?? [];
  if (name === undefined) return {};
  if (rest === '') return { name };
  const separator = /^\s+(?=::)|^\s*[=:]\s*|^\s+/.exec(rest);
  if (separator === null) return {};
  const value = rest.slice(separator[0].length);
  return value === '' ? { name } : { name, value };
}
