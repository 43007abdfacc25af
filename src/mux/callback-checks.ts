import { NetmuxTypeError, shown } from '../errors.js';
import { CALLBACK_NAMES, type MuxCallbacks } from './callbacks.js';
import { nearestName, suggestion } from './nearest-name.js';

/**
 * Looks whether an object can be called back.
 * @throws NetmuxTypeError
 */
export function checkCallbacks(callbacks: unknown): void {
  if (callbacks === undefined) return;
  if ((typeof callbacks !== 'object' && typeof callbacks !== 'function') || callbacks === null) throw noCallbacks(shown(callbacks));
  let named = 0;
  for (const name of CALLBACK_NAMES) {
    const method = (callbacks as MuxCallbacks)[name];
    if (method === undefined) continue;
    if (typeof method !== 'function') {
      throw new NetmuxTypeError(`setCallbackObject: ${name} must be a function, not ${shown(method)}`);
    }
    named += 1;
  }
  // A class has its callbacks in its prototype, where nobody looks for them: not one would ever be called.
  if (named === 0 && typeof callbacks === 'function') throw noCallbacks('a function; of a class give an instance');
}

function noCallbacks(given: string): NetmuxTypeError {
  return new NetmuxTypeError(`setCallbackObject: an object with mux_… methods is needed, not ${given}`);
}

/**
 * What a callback object has that looks like a callback, and is none: it is never called, and nothing else says so. Only objects that are
 * written down as such are looked at; classes have other methods, too, and a server looks at its own.
 * @returns a line for each
 */
export function misspeltCallbacks(callbacks: object): string[] {
  if (Object.getPrototypeOf(callbacks) !== Object.prototype) return [];
  const known: readonly string[] = CALLBACK_NAMES;
  return Object.keys(callbacks)
    .filter((name) => /^mux[_A-Z]/.test(name) && !known.includes(name))
    .map((name) => `${name} is not a callback: nobody calls it${suggestion(nearestName(name, known))}`);
}
