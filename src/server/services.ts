import { readFileSync } from 'node:fs';

/**
 * The port of a service (`getservbyname`, which Node lacks). Names and aliases are compared with regard to case.
 *
 * @param table text of the form of `/etc/services`
 */
export function servicePort(table: string, name: string, proto: 'tcp' | 'udp'): number | undefined {
  for (const line of table.split('\n')) {
    const [service, port, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (port === undefined || (service !== name && !aliases.includes(name))) continue;
    const match = /^(\d+)\/(.+)$/.exec(port);
    if (match !== null && match[2] === proto) return Number(match[1]);
  }
  return undefined;
}

/** The machine's own table; '' where it has none, as small containers do. */
export function readServices(): string {
  try {
    return readFileSync('/etc/services', 'utf8');
  } catch {
    return '';
  }
}
