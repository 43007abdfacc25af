import type { PeerName } from './peer-names.js';

/** What the options `reverse_lookups` and `double_reverse_lookups` ask for. */
export interface LookupPolicy {
  /** Each peer's name is looked up. */
  readonly reverse: boolean;
  /** Whoever has no name, or one that does not lead back to his address, is refused. */
  readonly double: boolean;
  /** Names match `allow` although they are not confirmed. */
  readonly unverified: boolean;
  /** The value of a double look-up says `autofail`: everybody is refused, to see what that does. */
  readonly autofail: boolean;
}

/**
 * Reads both options. `reverse_lookups` that begins with `double` or `2` asks for double look-ups, what follows being their value;
 * `unverified` trusts the name that an address has, and double look-ups ask for the name anyway.
 */
export function lookupPolicy(reverseLookups: unknown, doubleReverseLookups: unknown): LookupPolicy {
  const reverse = asText(reverseLookups);
  const combined = /^(?:double|2)(.*)$/is.exec(reverse);
  const double = asText(doubleReverseLookups) || (combined === null ? '' : combined[1] || '1');
  return {
    reverse: reverse !== '' || double !== '',
    double: double !== '',
    unverified: reverse === 'unverified',
    autofail: /autofail/i.test(double),
  };
}

/** Whether `PeerNames.find` is to confirm the name: `allow` needs it, too. */
export function confirmsNames(policy: LookupPolicy): boolean {
  return policy.double || !policy.unverified;
}

/** Why double look-ups refuse a peer, for the log (level 3); undefined if they do not. */
export function doubleLookupRefusal(address: string, found: PeerName, policy: LookupPolicy): string | undefined {
  if (!policy.double) return undefined;
  const refusal = (why: string) => `Double reverse lookup refused ${address}: ${why}`;
  if (policy.autofail) return refusal('autofail');
  if (found.name === undefined) return refusal('it has no name');
  if (found.forward.length === 0) return refusal(`its name ${found.name} has no address`);
  return found.confirmed ? undefined : refusal(`its name ${found.name} leads to ${found.forward.join(', ')}`);
}

/** '' for what is false in Perl. */
function asText(value: unknown): string {
  if (value === undefined || value === null || value === false || value === 0 || value === '0') return '';
  return value === true ? '1' : String(value);
}
