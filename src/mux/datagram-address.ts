import { isIP } from 'node:net';
import type { Address } from '../engine/address.js';
import { NetmuxTypeError, shown } from '../errors.js';
import type { DatagramAddress } from './handle.js';
import { checkedPath } from './socket-options.js';

/** The last sender of a datagram socket; '' is the path of a sender without a name. */
export type DatagramPeer =
  | { readonly address: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/**
 * Checks where a datagram is to go.
 * @param local what the socket is bound to: an IPv6 socket reaches IPv4 by mapped addresses
 */
export function datagramAddress(to: DatagramAddress, local: Address | undefined): Address {
  if (typeof to !== 'object' || to === null) throw new NetmuxTypeError('send: the address must be { host, port } or { path }');
  if ('path' in to) {
    return { family: 'unix', path: checkedPath('send', to.path) };
  }
  const { host, port } = to;
  const family = typeof host === 'string' ? isIP(host) : 0;
  if (family === 0) throw new NetmuxTypeError(`send: host must be a numeric address, not ${shown(host)}`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new NetmuxTypeError(`send: port must be a whole number from 1 to 65535, not ${shown(port)}`);
  }
  if (family === 4 && local?.family === 6) return { family: 6, host: `::ffff:${host}`, port };
  return { family: family === 4 ? 4 : 6, host, port };
}

/** As users see the sender of a datagram. */
export function datagramPeer(address: Address | undefined): DatagramPeer | undefined {
  if (address === undefined) return undefined;
  if (address.family === 'unix') return { path: address.path };
  return { address: address.host, port: address.port, family: address.family === 4 ? 'IPv4' : 'IPv6' };
}
