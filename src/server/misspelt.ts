import { CALLBACK_NAMES } from '../mux/callbacks.js';
import { nearestName, suggestion } from '../mux/nearest-name.js';
import { MultiplexClient } from './client.js';

interface Class {
  readonly prototype: object;
}

/** @param Library the class that all classes of servers inherit from */
export function hookNames(Library: Class): string[] {
  return ['run_dequeue', ...namesBetween(Library.prototype, Object.prototype).filter((name) => name.endsWith('_hook'))];
}

/**
 * What an application's classes have that looks like a callback or a hook, and is none: it is never called, and nothing else says so.
 * @param Library the class that all classes of servers inherit from
 * @returns a line for each
 */
export function misspeltMethods(serverClass: Class, Client: Class | undefined, Library: Class): string[] {
  const members = namesBetween(Library.prototype, Object.prototype);
  const hooks = hookNames(Library);
  const ofServer = namesBetween(serverClass.prototype, Library.prototype).filter((name) => !members.includes(name));
  const ofClient = Client === undefined ? [] : namesBetween(Client.prototype, MultiplexClient.prototype);
  const warnings: string[] = [];
  for (const name of [...ofServer, ...ofClient].filter((each) => !isCallback(each))) {
    const meant = nearestName(name, CALLBACK_NAMES);
    if (meant !== undefined || name.startsWith('mux_')) warnings.push(`${name} is not a callback: nobody calls it${suggestion(meant)}`);
  }
  for (const name of ofServer.filter((each) => !hooks.includes(each))) {
    const meant = nearestName(name, hooks);
    if (meant !== undefined) warnings.push(`${name} is not a hook: nobody calls it${suggestion(meant)}`);
  }
  if (Client === undefined) return warnings;
  const inVain = ofServer.filter(isCallback).map((name) => `${name} of the server is not called: its clients have a class of their own`);
  return [...warnings, ...inVain];
}

function isCallback(name: string): boolean {
  return (CALLBACK_NAMES as readonly string[]).includes(name);
}

/** The names of a prototype's members, and of those of all that it inherits from below `end`. */
function namesBetween(prototype: object, end: object): string[] {
  const names = new Set<string>();
  for (let at: object | null = prototype; at !== null && at !== end; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names];
}
