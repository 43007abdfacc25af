import type { LeveledLogger, LogFunction } from '../log/log-function.js';
import type { PortOption } from '../ports.js';

/** What an option may be: how text becomes its value, and what a value from the program may be. `option-types.ts` has the rules. */
interface Values {
  /** Text of any kind; the empty text is as if the option were not given. */
  string: string;
  /** The name of a file or folder; the empty text is as if the option were not given. */
  path: string;
  integer: number;
  /** With fractions. */
  number: number;
  boolean: boolean;
  /** Permission bits: text is octal. */
  mode: number;
  /** One of the row's `choices`. */
  choice: string;
  /** One port, in any form that `ports.ts` understands. */
  port: PortOption;
  /** 4, 6 or *, possibly several in one text. */
  family: string;
  /** A regular expression. */
  pattern: string | RegExp;
  /** An address block in CIDR notation. */
  cidr: string;
  /** A flag, or text that says how. */
  lookups: boolean | string;
  /** Where log lines go. */
  logger: LogFunction | LeveledLogger | string;
  /** A function; cannot be given as text. */
  function: (...values: never[]) => unknown;
  /** Unchecked: text stays text, a flag without a value is 1, as all options are in Net::Server. */
  any: unknown;
}

/** The types of options, by name. */
export type OptionType = keyof Values;

/** One option: all that its check, the command-line help and the documentation need to know. */
export interface OptionRow {
  /**
   * How text becomes the value, and what a value from the program may be: `string` and `path` (an empty one is as if it were not given),
   * `integer`, `number` with fractions, `boolean`, `mode` (permission bits, octal as text), `choice` (one of `choices`), `port`, `family`
   * (4, 6 or *), `pattern` (a regular expression), `cidr` (an address block), `lookups` and `logger` (as `reverse_lookups` and
   * `log_function`), `function` (never from text), `any` (unchecked).
   */
  readonly type: OptionType;
  /** It may be given several times; its value is an array. */
  readonly list?: true;
  /** What it is, in a few words, for `--help`. */
  readonly meaning: string;
  /** The value where no source has one. */
  readonly default?: unknown;
  /** For a default that is found out at run time: what it is, in words. */
  readonly otherwise?: string;
  /** What a number counts; it is shown, nothing is converted. */
  readonly unit?: 'bytes' | 'seconds' | 'connections' | 'connections per second';
  /** What the value of a `choice` may be. */
  readonly choices?: readonly string[];
  /** The least that a number may be. */
  readonly least?: number;
  /** The most that a number may be. */
  readonly most?: number;
  /** What is allowed, in words, where the type does not say it. */
  readonly range?: string;
  /** Takes the place of the type's own check. */
  readonly allows?: (value: unknown) => boolean;
  /** A check beyond the type: what is wrong with the value, or undefined. */
  readonly refuses?: (value: unknown) => string | undefined;
  /** Replaces a value that is not allowed; a warning tells. */
  readonly repair?: (value: unknown) => unknown;
  /** Why netmux has no use for it: it is accepted with a warning, and its value is dropped. */
  readonly perlOnly?: string;
  /** The heading under which help and documentation show it. */
  readonly group?: string;
}

/** Options by name, as `options()` of a server returns them. */
export type OptionTable = Readonly<Record<string, OptionRow>>;

/** Numbers and families are read as text, but may be given as numbers. */
type GivenValue<Row extends OptionRow> = Row['type'] extends 'family' ? string | number : ReadValue<Row>;

type ReadValue<Row extends OptionRow> = Row extends { readonly choices: readonly (infer Choice)[] } ? Choice : Values[Row['type']];

/** What a program may pass for a table of options: a wrong name or type is a compile error. */
export type OptionsOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]?: Table[Name] extends { readonly list: true }
    ? GivenValue<Table[Name]> | readonly GivenValue<Table[Name]>[]
    : GivenValue<Table[Name]>;
};

type SettingOf<Row extends OptionRow> = Row extends { readonly list: true } ? readonly ReadValue<Row>[] : ReadValue<Row>;

type Defaulted<Table extends OptionTable> = {
  [Name in keyof Table]: Table[Name] extends { readonly default: unknown } | { readonly list: true } ? Name : never;
}[keyof Table];

/** What the server has for a table of options once all sources were read: absent only where there is no default. A list is an array. */
export type SettingsOf<Table extends OptionTable> = { [Name in Defaulted<Table>]: SettingOf<Table[Name]> } & {
  [Name in Exclude<keyof Table, Defaulted<Table>>]?: SettingOf<Table[Name]>;
};
