import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Address } from '../engine/engine.js';

/**
 * Where to listen. `*` is all of IPv6, which serves IPv4, too, and where there is no IPv6 all of IPv4.
 * @returns addresses to be tried in order
 */
export async function resolveForListening(host: string, port: number): Promise<Address[]> {
  if (host !== '*') return resolveHost(host, port);
  return [
    { family: 6, host: '::', port },
    { family: 4, host: '0.0.0.0', port },
  ];
}

/**
 * The addresses of a host, in the order of the system's resolver.
 * @throws what the resolver says (ENOTFOUND, EAI_AGAIN …), with `address` and `port`
 */
export async function resolveHost(host: string, port: number): Promise<Address[]> {
  const family = isIP(host);
  if (family !== 0) return [numeric(host, family, port)];
  try {
    const found = await lookup(host, { all: true });
    return found.map((entry) => numeric(entry.address, entry.family, port));
  } catch (error) {
    throw Object.assign(error as Error, { address: host, port });
  }
}

function numeric(host: string, family: number, port: number): Address {
  return family === 4 ? { family: 4, host, port } : { family: 6, host: withNumericZone(host), port };
}

/** A link-local address may name its interface; the kernel wants its number. */
function withNumericZone(host: string): string {
  const [address, zone] = host.split('%');
  if (zone === undefined || /^\d+$/.test(zone)) return host;
  const own = networkInterfaces()[zone]?.find((entry) => entry.family === 'IPv6' && entry.scopeid > 0);
  return own?.family === 'IPv6' ? `${address}%${own.scopeid}` : host;
}
