import { NetmuxError } from '../../errors.js';
import type { OptionTable } from './option-row.js';

/** The value of an option that was named without one. */
export const NO_VALUE = Symbol('no value');

/** One value for one option, as a source has it: text is not converted yet. */
export interface GivenOption {
  readonly name: string;
  readonly value: unknown;
  /** Where it stands; the beginning of every message about it. */
  readonly place: string;
}

/** What one source says. */
export interface SourceReading {
  readonly given: readonly GivenOption[];
  /** Errors about what is no option; they are dropped where `ignore_unknown` is true. */
  readonly unknown: readonly NetmuxError[];
  readonly warnings: readonly string[];
}

/** More edits than this are another word, not a slip. */
const MAX_EDITS = 2;

/** An error about an option; its message begins with a place. */
export function badOption(place: string, complaint: string, options?: ErrorOptions): NetmuxError {
  return new NetmuxError('NETMUX_BAD_OPTION', `${place}: ${complaint}`, options);
}

/** @param prefix what stands before names where the unknown one stands: `--` */
export function unknownOption(name: string, table: OptionTable, prefix = ''): string {
  const meant = nearestName(name, table);
  return meant === undefined ? 'unknown option' : `unknown option (did you mean ${prefix}${meant}?)`;
}

/** The value of `%41` is A. (Net::Server, which takes one digit only) */
export function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function nearestName(name: string, table: OptionTable): string | undefined {
  const wanted = name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
  let nearest: string | undefined;
  let least = Math.min(MAX_EDITS, Math.ceil(wanted.length / 3)) + 1;
  for (const [candidate, row] of Object.entries(table)) {
    if (row.perlOnly !== undefined || Math.abs(candidate.length - wanted.length) >= least) continue;
    const edits = editsBetween(wanted, candidate);
    if (edits < least) [least, nearest] = [edits, candidate];
  }
  return nearest;
}

/** Letters to be inserted, deleted, replaced or exchanged with their neighbours. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line[column] = Math.min(
        above[column]! + 1,
        line[column - 1]! + 1,
        above[column - 1]! + same,
        swapped ? before[column - 2]! + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, above] = [above, line];
  }
  return above[b.length]!;
}
