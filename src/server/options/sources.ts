import type { NetmuxError } from '../../errors.js';
import { readArguments, readPairs } from './arguments.js';
import { readConfFile } from './conf-file.js';
import { badOption, decoded, type GivenOption, NO_VALUE, type SourceReading, unknownOption } from './given-option.js';
import type { OptionRow, OptionTable, SettingsOf } from './option-row.js';
import { complaintAbout, converted, rangeOf, shown, shownName, TYPE_RULES } from './option-types.js';
import { SERVER_OPTIONS, type ServerSettings } from './table.js';

/** Where options may come from. Whoever stands first goes first, but for `own`. */
export interface OptionSources<Own extends OptionTable = Record<never, never>> {
  /** What the constructor got. */
  readonly constructed?: object;
  /** The command line, without the program. */
  readonly argv?: readonly string[];
  /** What `run()` got: an object, or a list of pairs. */
  readonly run?: object | readonly unknown[];
  /** Who got it, where that was not the program's own call of `run()`. */
  readonly runTaker?: OptionTaker;
  /** What `default_values()` returns; the configuration file goes before it. */
  readonly defaults?: object;
  /** The program's own options, in the form of the server's. */
  readonly own?: Own;
}

/** Who takes options in an object, as messages have it. */
export interface OptionTaker {
  /** How a program calls it: `serve()`. */
  readonly name: string;
  /** What may stand beside the options, and is meant where a name is near to it. */
  readonly members?: readonly string[];
}

export interface CollectedOptions<Own extends OptionTable = Record<never, never>> {
  /** Each option's value, or its default. */
  readonly settings: ServerSettings & SettingsOf<Own>;
  /** The words of the command line that are no options. */
  readonly rest: string[];
  /** One line each, beginning with a place. */
  readonly warnings: string[];
  /** Where each value that is not a default stands, for messages: one for each entry of a list. */
  readonly places: ReadonlyMap<string, readonly string[]>;
}

/** A value that was found good. */
interface Accepted {
  readonly value: unknown;
  readonly place: string;
}

/** What a source has: for each option it names, the values. */
type AcceptedOptions = ReadonlyMap<string, readonly Accepted[]>;

/**
 * Reads all sources, checks every value and takes each option from the first source that has it: constructor, command line,
 * `run()`, configuration file, `default_values()`. A list is taken whole; of several values for any other option the last counts.
 * (Net::Server configure)
 * @throws NETMUX_BAD_OPTION for an unknown option, a value that is not allowed, a configuration file that cannot be read: one line
 * that begins with `FILE:LINE: `, `--name: ` or `option name given to …: `
 */
export function collectOptions<const Own extends OptionTable = Record<never, never>>(sources: OptionSources<Own>): CollectedOptions<Own> {
  const table = tableWith(sources.own);
  const warnings: string[] = [];
  const unknown: NetmuxError[] = [];
  const accept = (reading: SourceReading): AcceptedOptions => {
    warnings.push(...reading.warnings);
    unknown.push(...reading.unknown);
    return acceptedOptions(reading.given, table, warnings);
  };

  const { run, runTaker = { name: 'run()' } } = sources;
  const commandLine = readArguments(sources.argv ?? [], table);
  const inCode = [
    accept(readObject(sources.constructed, table, { name: 'the constructor' })),
    accept(commandLine),
    accept(Array.isArray(run) ? readPairs(run, table, runTaker.name) : readObject(run, table, runTaker, decoded)),
  ];
  const defaults = accept(readObject(sources.defaults, table, { name: 'default_values()' }));
  const confFile = firstOf([...inCode, defaults], 'conf_file')?.at(-1);
  const file = confFile?.value ? [accept(readConfFile(String(confFile.value), table, confFile.place))] : [];

  const inOrder = [...inCode, ...file, defaults];
  if (unknown[0] !== undefined && firstOf(inOrder, 'ignore_unknown')?.at(-1)?.value !== true) throw unknown[0];
  const { settings, places } = settingsFrom(inOrder, table);
  return { settings: settings as unknown as CollectedOptions<Own>['settings'], rest: [...commandLine.rest], warnings, places };
}

/** The server's options and the program's own. */
export function tableWith(own: OptionTable = {}): OptionTable {
  for (const [name, row] of Object.entries(own)) {
    const place = `options(): ${shownName(name)}`;
    if (!/^[A-Za-z]\w*$/.test(name)) throw badOption(place, 'a name is a letter and then letters, digits and _');
    const given: Partial<OptionRow> | null = row;
    if (given?.type === undefined || !Object.hasOwn(TYPE_RULES, given.type) || typeof given.meaning !== 'string') {
      throw badOption(place, `a row has a meaning and a type, one of ${Object.keys(TYPE_RULES).join(', ')}`);
    }
    const known = Object.hasOwn(SERVER_OPTIONS, name) ? SERVER_OPTIONS[name] : undefined;
    if (known !== undefined && known !== row && known.perlOnly === undefined)
      throw badOption(place, 'is an option of every server already');
  }
  return { ...SERVER_OPTIONS, ...own };
}

/** @param read what is done with a text that stands alone */
function readObject(options: unknown, table: OptionTable, taker: OptionTaker, read = (text: string) => text): SourceReading {
  if (options === undefined) return { given: [], unknown: [], warnings: [] };
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption(taker.name, `options are an object, not ${shown(options)}`);
  }
  const given: GivenOption[] = [];
  const unknown: NetmuxError[] = [];
  for (const [name, value] of Object.entries(options)) {
    const place = `option ${shownName(name)} given to ${taker.name}`;
    if (!Object.hasOwn(table, name)) unknown.push(badOption(place, unknownOption(name, table, '', taker.members)));
    else if (value !== undefined) given.push({ name, value: typeof value === 'string' ? read(value) : value, place });
  }
  return { given, unknown, warnings: [] };
}

function acceptedOptions(given: readonly GivenOption[], table: OptionTable, warnings: string[]): AcceptedOptions {
  const options = new Map<string, Accepted[]>();
  for (const { name, value, place } of given) {
    const row = table[name]!;
    if (row.perlOnly !== undefined) {
      warnings.push(`${place}: accepted but without effect: ${row.perlOnly}`);
      continue;
    }
    const values = options.get(name) ?? [];
    options.set(name, values);
    for (const item of itemsOf(name, value, row, place)) values.push({ value: accepted(item, row, place, warnings), place });
  }
  return options;
}

function itemsOf(name: string, value: unknown, row: OptionRow, place: string): readonly unknown[] {
  if (!Array.isArray(value)) return [value];
  if (row.list || value.length === 1) return value;
  throw badOption(place, `Found multiple values on the configuration item "${name}", which takes one`);
}

/** The value in the form that the server uses. */
function accepted(given: unknown, row: OptionRow, place: string, warnings: string[]): unknown {
  const { flag } = TYPE_RULES[row.type];
  if (given === NO_VALUE && flag === undefined) throw badOption(place, `needs a value: ${rangeOf(row)}`);
  const value = given === NO_VALUE ? flag : converted(given, row);
  const complaint = complaintAbout(value, row);
  if (complaint === undefined) return value;
  if (row.repair === undefined) throw badOption(place, complaint);
  const repaired = row.repair(value);
  warnings.push(`${place}: ${complaint}; taken as ${shown(repaired)}`);
  return repaired;
}

function firstOf(sources: readonly AcceptedOptions[], name: string): readonly Accepted[] | undefined {
  return sources.find((source) => source.has(name))?.get(name);
}

function settingsFrom(sources: readonly AcceptedOptions[], table: OptionTable) {
  const settings: Record<string, unknown> = {};
  const places = new Map<string, readonly string[]>();
  for (const [name, row] of Object.entries(table)) {
    if (row.perlOnly !== undefined) continue;
    const found = firstOf(sources, name)?.slice(row.list ? 0 : -1);
    if (found === undefined || isUnset(found, row)) {
      if (row.list) settings[name] = [row.default ?? []].flat();
      else if (row.default !== undefined) settings[name] = row.default;
      continue;
    }
    settings[name] = row.list ? found.map(({ value }) => value) : found[0]!.value;
    places.set(
      name,
      found.map(({ place }) => place),
    );
  }
  settleLookups(settings);
  return { settings, places };
}

/** An empty text takes back what later sources say. */
function isUnset(found: readonly Accepted[], row: OptionRow): boolean {
  return !row.list && (row.type === 'string' || row.type === 'path') && found[0]?.value === '';
}

/** `double-debug` is two options in one, and the second implies the first. (Net::Server post_configure) */
function settleLookups(settings: Record<string, unknown>): void {
  const double = /^(?:double|2)(.*)$/is.exec(String(settings.reverse_lookups));
  if (double !== null) settings.double_reverse_lookups = double[1] || true;
  if (settings.double_reverse_lookups) settings.reverse_lookups ||= true;
}
