import { MAX_PATH_BYTES } from '../engine/address.js';
import { NetmuxTypeError, shown } from '../errors.js';

/** What the options of `listen` and `connect` have in common. `call` is named in each error. */

export const MAX_PORT = 65_535;

export { MAX_PATH_BYTES };

export function checkedObject(call: string, options: unknown): Record<string, unknown> {
  if (typeof options !== 'object' || options === null)
    throw new NetmuxTypeError(`${call}: options must be an object, not ${shown(options)}`);
  return options as Record<string, unknown>;
}

export function checkedNames(call: string, options: Record<string, unknown>, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new NetmuxTypeError(`${call}: unknown option ${name}; known here: ${known.join(', ')}`);
  }
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
