import { NetmuxError } from '../../errors.js';
import { nearestName } from '../../mux/nearest-name.js';
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

/** An error about an option; its message begins with a place. */
export function badOption(place: string, complaint: string, options?: ErrorOptions): NetmuxError {
  return new NetmuxError('NETMUX_BAD_OPTION', `${place}: ${complaint}`, options);
}

/**
 * @param prefix what stands before names where the unknown one stands: `--`
 * @param others names that are known there, too, and are no options
 */
export function unknownOption(name: string, table: OptionTable, prefix = '', others: readonly string[] = []): string {
  const known = Object.keys(table).filter((candidate) => table[candidate]!.perlOnly === undefined);
  const meant = nearestName(name, [...known, ...others]);
  return meant === undefined ? 'unknown option' : `unknown option (did you mean ${prefix}${meant}?)`;
}

/** The value of `%41` is A. (Net::Server, which takes one digit only) */
export function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
