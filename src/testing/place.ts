import { isIP } from 'node:net';
import type { Address } from '../engine/engine.js';
import { NetmuxTypeError, shown } from '../errors.js';

/** A port of an address, or a UNIX path: where somebody listens, or sends to. */
export type Place = PortPlace | PathPlace;

/** A TCP or UDP port of the network. */
export interface PortPlace {
  /** 0 to 65,535; where somebody listens, 0 is one that nobody has. */
  readonly port: number;
  /** A numeric address. Default 127.0.0.1. */
  readonly host?: string;
}

/** A UNIX socket of the network; nothing of it is in the file system. */
export interface PathPlace {
  /** Its name in the network. */
  readonly path: string;
}

/** @param call is named in errors */
export function addressOf(call: string, place: Place): Address {
  if ('path' in place) return { family: 'unix', path: place.path };
  const { host = '127.0.0.1', port } = place;
  const family = isIP(host);
  if (family !== 4 && family !== 6) throw new NetmuxTypeError(`${call}: host must be a numeric address, not ${shown(host)}`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new NetmuxTypeError(`${call}: port must be a whole number from 0 to 65535, not ${shown(port)}`);
  }
  return { family, host, port };
}
