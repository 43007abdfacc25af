import { networkInterfaces } from 'node:os';
import type { Address } from './address.js';

/*
 * Node and libuv name the zone of a link-local address by its interface (`fe80::1%eth0`), netmux by its number
 * (`fe80::1%2`), as the kernel does. The zone is looked up at each use: interfaces come and go.
 */

/** The names that Node does not tell of a UNIX connection. */
export interface UnixNames {
  readonly local?: string;
  readonly remote?: string;
}

/**
 * @returns the address that Node's getters describe, or undefined where they had nothing to say
 */
export function addressFromNode(host: string | undefined, port: number | undefined): Address | undefined {
  if (host === undefined || port === undefined) return undefined;
  if (!host.includes(':')) return { family: 4, host, port };
  const [address, zone] = host.split('%') as [string, string | undefined];
  if (zone === undefined) return { family: 6, host: address, port };
  const scope = networkInterfaces()[zone]?.find((entry) => entry.family === 'IPv6' && entry.scopeid !== 0);
  return { family: 6, host: `${address}%${scope?.family === 'IPv6' ? scope.scopeid : zone}`, port };
}

/** @returns the host as Node's calls want it. */
export function hostForNode(host: string): string {
  const [address, zone] = host.split('%') as [string, string | undefined];
  if (zone === undefined || !/^\d+$/.test(zone)) return host;
  const scope = Number(zone);
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    if (entries?.some((entry) => entry.family === 'IPv6' && entry.scopeid === scope)) return `${address}%${name}`;
  }
  return host;
}
