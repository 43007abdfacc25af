import { confirmsNames, doubleLookupRefusal, type LookupPolicy, lookupPolicy } from './access/lookup-policy.js';
import { PeerNames } from './access/peer-names.js';
import { AccessRules } from './access/rules.js';
import { peerNameOf, setPeerName } from './client.js';
import type { ServerSettings } from './options/table.js';

/** Level of the log lines about single clients. */
const INFORMATION = 3;

const MS_PER_SECOND = 1000;

type GateSettings = Pick<
  ServerSettings,
  'allow' | 'deny' | 'cidr_allow' | 'cidr_deny' | 'reverse_lookups' | 'double_reverse_lookups' | 'allow_deny_timeout'
>;

/** The client objects of a server, as far as they are judged by. */
interface Peer {
  /** undefined for a UNIX socket. */
  readonly peeraddr: string | undefined;
  log(level: number, text: string, ...values: unknown[]): void;
}

/** What the options say about who may connect: lists of addresses and names, and whether names are looked up. */
export class Gate {
  readonly #rules: AccessRules;
  readonly #policy: LookupPolicy;
  readonly #names: PeerNames | undefined;

  /** @throws NetmuxError `NETMUX_BAD_OPTION` */
  constructor(settings: GateSettings) {
    this.#policy = lookupPolicy(settings.reverse_lookups, settings.double_reverse_lookups);
    this.#rules = new AccessRules(settings, { unverifiedNames: this.#policy.unverified });
    this.#names = this.#policy.reverse ? new PeerNames({ timeoutMs: MS_PER_SECOND * settings.allow_deny_timeout }) : undefined;
  }

  /** What the operator should be told at start-up. */
  get warning(): string | undefined {
    return this.#rules.warning;
  }

  /** Whether there is nothing to ask of datagrams. */
  get isOpen(): boolean {
    return this.#rules.isEmpty;
  }

  /** Looks up a client's name, where the options ask for it. */
  lookUp(client: Peer): Promise<void> | undefined {
    const address = this.#names === undefined ? undefined : client.peeraddr;
    if (address === undefined) return undefined;
    return this.#names!.find(address, { confirm: confirmsNames(this.#policy) }).then((name) => setPeerName(client, name));
  }

  /** Net::Server `allow_deny`. */
  admits(client: Peer): boolean {
    if (this.#names === undefined && this.#rules.isEmpty) return true;
    const address = client.peeraddr;
    if (address === undefined) return true; // a UNIX socket has permissions of its own
    const found = peerNameOf(client);
    const refusal = doubleLookupRefusal(address, found ?? { confirmed: false, forward: [] }, this.#policy);
    if (refusal !== undefined) client.log(INFORMATION, '%s', refusal);
    return refusal === undefined && this.#rules.admits(address, found);
  }

  /** Whether datagrams of an address are received. */
  admitsAddress(address: string): boolean {
    return this.#rules.admits(address);
  }
}
