import {
  Expiry,
  LIMIT_WORDS,
  LimitWord,
  type ListenerLimits,
  Refusal,
  type SocketOptions,
  TUNING_WORDS,
  TuningWord,
} from '../engine/engine.js';
import { NetmuxError, type NetmuxErrorCode } from '../errors.js';
import { encodeBlock } from './cidr.js';
import type { ClosedReason } from './failures.js';
import type { MuxSettings } from './options.js';

/** Why a connection was not let in. `docs/limits.md` has the limits behind each. */
export type RefusalReason = 'address' | 'network' | 'listener' | 'connections' | 'listenerRate' | 'rate';

/** What `mux_refused` is told. */
export interface Refused {
  /** Which limit has kept them out. */
  readonly reason: RefusalReason;
  /** How many since the last time it was told of that listener and reason. */
  readonly count: number;
}

const REASONS: Readonly<Record<Exclude<Refusal, Refusal.None>, RefusalReason>> = {
  [Refusal.Address]: 'address',
  [Refusal.Network]: 'network',
  [Refusal.Listener]: 'listener',
  [Refusal.Connections]: 'connections',
  [Refusal.ListenerRate]: 'listenerRate',
  [Refusal.Rate]: 'rate',
};

/** What `listen` may be given for one listener. */
export interface OwnLimits {
  readonly maxConnections?: number;
  readonly acceptRate?: number;
  readonly acceptBurst?: number;
}

export function refusalReason(refusal: number): RefusalReason {
  return REASONS[refusal as Exclude<Refusal, Refusal.None>];
}

/** Connections kept out, by reason. */
export function refusalsByReason(counts: Float64Array): Record<RefusalReason, number> {
  return Object.fromEntries(Object.entries(REASONS).map(([refusal, reason]) => [reason, counts[Number(refusal)]!])) as Record<
    RefusalReason,
    number
  >;
}

/**
 * The limits of one listener as the engines want them; undefined where there are none.
 * @param owner names the multiplexer
 */
export function listenerLimits(settings: MuxSettings, owner: number, own: OwnLimits): ListenerLimits | undefined {
  const words = new Float64Array(LIMIT_WORDS);
  words[LimitWord.Connections] = settings.maxConnections;
  words[LimitWord.PerAddress] = settings.maxConnectionsPerAddress;
  words[LimitWord.PerNetwork] = settings.maxConnectionsPerNetwork;
  words[LimitWord.Rate] = settings.acceptRate;
  words[LimitWord.ListenerConnections] = own.maxConnections ?? settings.maxConnectionsPerListener;
  words[LimitWord.ListenerRate] = own.acceptRate ?? 0;
  words[LimitWord.FirstByteMs] = milliseconds(settings.firstByteTimeout);
  words[LimitWord.IdleMs] = milliseconds(settings.idleTimeout);
  words[LimitWord.LifetimeMs] = milliseconds(settings.maxLifetime);
  words[LimitWord.MinByteRate] = settings.minByteRate;
  if (words.every((word) => word === 0)) return undefined;
  words[LimitWord.Owner] = owner;
  words[LimitWord.Burst] = burstOf(settings.acceptRate, settings.acceptBurst);
  words[LimitWord.ListenerBurst] = burstOf(own.acceptRate ?? 0, own.acceptBurst ?? 0);
  return { words, exempt: Buffer.concat(settings.exemptFromLimits.map((block) => encodeBlock(block)!)) };
}

/** The options of TCP as the engines want them; undefined where there are none. */
function tuningOf(settings: MuxSettings): Int32Array | undefined {
  const tuning = new Int32Array(TUNING_WORDS);
  tuning[TuningWord.KeepAliveDelay] = settings.keepAliveDelay;
  tuning[TuningWord.KeepAliveInterval] = settings.keepAliveInterval;
  tuning[TuningWord.KeepAliveCount] = settings.keepAliveCount;
  tuning[TuningWord.UserTimeoutMs] = milliseconds(settings.userTimeout);
  tuning[TuningWord.SendBuffer] = settings.sendBufferSize;
  tuning[TuningWord.ReceiveBuffer] = settings.receiveBufferSize;
  tuning[TuningWord.DeferAccept] = settings.deferAccept;
  return tuning.some((word) => word > 0) ? tuning : undefined;
}

/** What the sockets of a multiplexer have in common. What `listen` or `connect` were given comes before it. */
export function socketDefaults(settings: MuxSettings): SocketOptions {
  const tuning = tuningOf(settings);
  return { readSize: settings.readSize, keepAlive: settings.keepAlive, ...(tuning && { tuning }) };
}

const EXPIRY_REASONS: Readonly<Record<number, ClosedReason>> = {
  [Expiry.FirstByte]: 'firstByte',
  [Expiry.Idle]: 'idle',
  [Expiry.Lifetime]: 'lifetime',
  [Expiry.Slow]: 'slow',
};

export function expiryReason(expiry: number): ClosedReason {
  return EXPIRY_REASONS[expiry]!;
}

/** The error of a connection that has reached a limit of time. */
export function expiryError(expiry: number, settings: MuxSettings): NetmuxError {
  const { firstByteTimeout, idleTimeout, maxLifetime, minByteRate } = settings;
  const texts: Readonly<Record<number, readonly [NetmuxErrorCode, string]>> = {
    [Expiry.FirstByte]: ['NETMUX_FIRST_BYTE_TIMEOUT', `no byte came in the ${firstByteTimeout} s of firstByteTimeout`],
    [Expiry.Idle]: ['NETMUX_IDLE_TIMEOUT', `no byte was received or sent in the ${idleTimeout} s of idleTimeout`],
    [Expiry.Lifetime]: ['NETMUX_LIFETIME', `the connection has lasted the ${maxLifetime} s of maxLifetime`],
    [Expiry.Slow]: ['NETMUX_TOO_SLOW', `an unfinished message goes on more slowly than the ${minByteRate} bytes per second of minByteRate`],
  };
  return new NetmuxError(...texts[expiry]!);
}

/** At least one, where there is a limit at all: 0 would be none. */
function milliseconds(seconds: number): number {
  return Math.ceil(1000 * seconds);
}

/** What a second brings, unless it is said; a bucket that cannot hold one token would let nobody in. */
function burstOf(rate: number, burst: number): number {
  return Math.max(1, burst === 0 ? rate : burst);
}
