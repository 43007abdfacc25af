import { MAX_PATH_BYTES } from '../engine/address.js';
import { NetmuxTypeError, shown } from '../errors.js';
import { nearestName, suggestion } from './nearest-name.js';

/** What the options of `listen` and `connect` have in common. `call` is named in each error. */

export const MAX_PORT = 65_535;

export { MAX_PATH_BYTES };

export function checkedObject(call: string, options: unknown): Record<string, unknown> {
  if (typeof options !== 'object' || options === null)
    throw new NetmuxTypeError(`${call}: options must be an object, not ${shown(options)}`);
  return options as Record<string, unknown>;
}

/** @param ways options of which each says in another way what is meant: one of them is to be given */
export function checkedOneOf(call: string, options: Record<string, unknown>, ways: readonly string[]): void {
  const given = ways.filter((name) => options[name] !== undefined);
  if (given.length === 1) return;
  const wanted = `one of ${ways.slice(0, -1).join(', ')} and ${ways.at(-1)} must be given`;
  throw new NetmuxTypeError(`${call}: ${wanted}${given.length === 0 ? '' : `, not ${given.join(' and ')}`}`);
}

export function checkedNames(call: string, options: Record<string, unknown>, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new NetmuxTypeError(`${call}: ${unknownOption(name, known)}`);
  }
}

/** What names are known is only worth reading where it cannot be guessed which of them was meant. */
export function unknownOption(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  return `unknown option ${name}${meant === undefined ? `; known here: ${known.join(', ')}` : suggestion(meant)}`;
}

export function checkedInteger(call: string, name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new NetmuxTypeError(`${call}: ${name} must be a whole number from ${least} to ${most}, not ${shown(value)}`);
}

export function checkedBoolean(call: string, name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new NetmuxTypeError(`${call}: ${name} must be true or false, not ${shown(value)}`);
}

export function checkedHost(call: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new NetmuxTypeError(`${call}: host must be a name or an address, not ${shown(value)}`);
}

/** The name of a UNIX socket. A NUL begins an abstract name; in that of a file the kernel would take it for the end. */
export function checkedPath(call: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_PATH_BYTES) {
    if (value.startsWith('\0') || !value.includes('\0')) return value;
  }
  throw new NetmuxTypeError(`${call}: path must be a string of 1 to ${MAX_PATH_BYTES} bytes, a NUL in it at most the first of them`);
}
