import { MUX_OPTIONS, type MuxOptionRow, type MuxOptions } from '../../mux/options.js';
import type { OptionRow, OptionTable, OptionType } from './option-row.js';

/** Warnings of the multiplexer go to the server's log, not to a function of the user's. */
type PassedOn = Exclude<keyof MuxOptions, 'warn'>;

type SnakeCase<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : '';

/** The options of `Mux` under the names that a server has for them. */
export type MuxServerOptions = { readonly [Name in PassedOn as SnakeCase<Name>]?: NonNullable<MuxOptions[Name]> };

export type MuxServerSettings = { -readonly [Name in keyof MuxServerOptions]-?: MuxServerOptions[Name] };

export const PASSED_ON = Object.keys(MUX_OPTIONS).filter((name): name is PassedOn => name !== 'warn');

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A text of the table of `Mux`, for readers who know the options by their other names. */
function renamed(text: string): string {
  return text.replace(/\b[a-z]+[A-Z]\w*/g, (word) => (Object.hasOwn(MUX_OPTIONS, word) ? snakeCase(word) : word));
}

/** Its default tells how text becomes a value. */
function typeOf(row: MuxOptionRow): OptionType {
  if (typeof row.default === 'number') return 'number';
  return typeof row.default === 'boolean' ? 'boolean' : 'string';
}

function serverRow(row: MuxOptionRow): OptionRow {
  // Judged block by block, as the server's own lists of blocks are.
  if (Array.isArray(row.default))
    return { type: 'cidr', list: true, default: row.default, meaning: renamed(row.meaning), group: 'Connections' };
  return {
    type: typeOf(row),
    default: row.default,
    ...(row.unit && { unit: row.unit }),
    range: renamed(row.range),
    allows: (value) => row.allows(value),
    meaning: renamed(row.meaning),
    group: 'Connections',
  };
}

/** `maxOutbuffer` of `Mux` is `max_outbuffer` of a server, and so on: made from the table of `Mux`, which has the limits and the reasons. */
export const MUX_ROWS: OptionTable = Object.fromEntries(PASSED_ON.map((name) => [snakeCase(name), serverRow(MUX_OPTIONS[name])]));
