import { defaultText, groupsOf } from './help.js';
import type { OptionRow, OptionTable } from './option-row.js';
import { rangeOf } from './option-types.js';

const INTRODUCTION = `# Options of a server

Made from the table in \`src/server/options/\` by \`node scripts/options-doc.mjs\`: change the table, not this page.

## How options are given

An option is taken from the first of these that names it:

1. the constructor: \`new Chat({ port: 7000 })\`;
2. the command line: \`--port 7000\`;
3. \`run({ port: 7000 })\`, or \`run(['port', 7000])\`;
4. the configuration file, which \`conf_file\` names in any of the other sources;
5. \`default_values()\`.

Lists of several sources are not joined: the whole list of the first source counts. Where one source names an option twice, lists grow,
and of other options the last value counts. An empty text for a text or a path takes back what a later source says.

What is not known, or not allowed, is an error before anything is bound or written. Its message is one line, which begins with the place: \`server.conf:12: port: …\`,
\`--port: …\`, \`option port given to run(): …\`, or \`serve()\`. With \`ignore_unknown\`, options that nobody knows are passed over. A server declares options of its own in \`options()\`, in the
form of this table; they are checked, and shown by \`--help\`, like all others.

In text, flags are \`1\`, \`true\`, \`yes\`, \`on\` and \`0\`, \`false\`, \`no\`, \`off\`. In texts of the command line, of the configuration file and of \`run()\`, \`%\` with two hexadecimal
digits is the character of that code: \`%20\` is a blank. Texts in lists, and those of the constructor and of \`default_values()\`, are taken as they are.

### The command line

\`--name=value\`, \`--name value\` and \`--flag\`; also \`name=value\`, without dashes, where \`name\` is known. Names are complete and in lower case.

* All other words stay for the program, in order; so does \`-p\`. Net::Server also takes \`name value\` without dashes, so that a file called \`listen\` becomes an option: not so here.
* A flag takes the next word only if that says yes or no: in \`--background 0 file\` the \`0\`, in \`--background file\` nothing. Any other option takes the next word, whatever it
  is, but for one that begins with \`--\` and a letter or digit: then its value is missing.
* A value with blanks, or an empty one, is a word of its own: \`--group 'www-data adm'\`, not \`--group='www-data adm'\`, which is an error.
* \`--\` ends the options: what follows stays. Any other word that begins with \`--\` and a letter has to be a known option.

### The configuration file

    # one option a line
    port      7000
    allow     10\\.0\\..*
    allow   = 192\\.168\\..*
    log_file: /var/log/chat.log    # a comment

A name, then blanks, \`=\` or \`:\`, then the value up to the end of the line without blanks around it. Quotes are part of the value. A \`#\` begins a comment, \`\\#\` is one. Blank
lines and \`[sections]\` are passed over; so is, with a warning, an option without a value: a flag is \`background 1\`. \`--\` before the name is allowed. There are no includes.
A file may have up to 16 MiB.
`;

/** docs/options.md. */
export function optionsDocument(table: OptionTable): string {
  const sections = [...groupsOf(table)].map(([group, rows]) => sectionOf(group, rows));
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTERFACE = `import type { OptionValues } from './table.js';

/**
 * What a program may pass to a server's constructor, to \`run()\` and to \`serve()\`. A program with options of its own extends it:
 * \`interface ChatOptions extends ServerOptions { greeting?: string }\`.
 *
 * Made from the table of options by \`node scripts/options-doc.mjs\`, so that editors show what an option means: change the table, not this file.
 */
export interface ServerOptions {
`;

/** As the formatter has it. */
const SOURCE_WIDTH = 140;

/** src/server/options/server-options.ts. */
export function optionsInterface(table: OptionTable): string {
  const members = Object.entries(table)
    .filter(([, row]) => row.perlOnly === undefined)
    .map(([name, row]) => `${docComment(meaningOf(row))}\n  readonly ${name}?: OptionValues['${name}'];\n`);
  return `${INTERFACE}${members.join('')}}\n`;
}

function meaningOf(row: OptionRow): string {
  const byDefault = defaultText(row);
  const meaning = row.meaning.charAt(0).toUpperCase() + row.meaning.slice(1);
  return `${meaning}. Allowed: ${valuesOf(row)}.${byDefault === undefined ? '' : ` Default: ${byDefault}.`}`;
}

function docComment(text: string): string {
  const single = `  /** ${text} */`;
  if (single.length <= SOURCE_WIDTH) return single;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? '   *'} ${word}`;
    if (lines.length > 0 && longer.length <= SOURCE_WIDTH) lines[lines.length - 1] = longer;
    else lines.push(`   * ${word}`);
  }
  return `  /**\n${lines.join('\n')}\n   */`;
}

function sectionOf(group: string, rows: OptionTable): string {
  const isIgnored = Object.values(rows).every((row) => row.perlOnly !== undefined);
  const lines = isIgnored ? ignoredLines(rows) : optionLines(rows);
  return `## ${group}\n\n${lines.join('\n')}\n`;
}

function optionLines(rows: OptionTable): string[] {
  const line = (...cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [
    line('option', 'meaning', 'values', 'default'),
    line('---', '---', '---', '---'),
    ...Object.entries(rows).map(([name, row]) => line(`\`${name}\``, row.meaning, valuesOf(row), defaultText(row) ?? '')),
  ];
}

function valuesOf(row: OptionRow): string {
  const values = row.type === 'boolean' ? 'true or false' : rangeOf(row);
  const unit = row.unit === undefined || values.includes(`(${row.unit})`) ? values : `${values} (${row.unit})`;
  return row.list ? `list: ${unit}` : unit;
}

function ignoredLines(rows: OptionTable): string[] {
  const reasons = new Map<string, string[]>();
  for (const [name, { perlOnly = '' }] of Object.entries(rows)) reasons.set(perlOnly, [...(reasons.get(perlOnly) ?? []), `\`${name}\``]);
  const list = [...reasons].map(([reason, names]) => `* ${names.join(', ')}: ${reason}`);
  return ['Accepted with a warning, and without effect:', '', ...list];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
