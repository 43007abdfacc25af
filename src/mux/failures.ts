import { systemError } from '../errors.js';
import type { Handle } from './handle.js';

/** Why connections end, as `Mux.stats` counts them. */
export const CLOSED_REASONS = [
  /** Gracefully: both sides were through, and all was sent. */
  'ended',
  /** By `mux.close`, `fh.reset`, or by `endLoop` at its end. */
  'closed',
  /** Taken out by `mux.remove`. */
  'removed',
  /** Reading or writing failed: the peer has reset it, or is gone. */
  'failed',
  /** A callback threw. */
  'threw',
  'outbuffer',
  'inbuffer',
  'buffered',
  'firstByte',
  'idle',
  'lifetime',
  'slow',
] as const;

/** What a connection ended of; `Mux.stats` counts each. */
export type ClosedReason = (typeof CLOSED_REASONS)[number];

/** What a connection ends of, if not by itself. */
interface Failure {
  readonly reason: ClosedReason;
  readonly error: unknown;
}

/** An errno whose error nobody has asked for yet: in a storm of resets that is most of them. */
class Unmade {
  readonly errno: number;
  readonly syscall: string;

  constructor(errno: number, syscall: string) {
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Why handles ended. Only those have an entry that did not do so by themselves. */
export class Failures {
  readonly #failures = new WeakMap<Handle, Failure>();
  /** Open handles that have one. */
  #open = 0;

  /** The first reason is the one: what comes later follows from it. */
  fail(handle: Handle, reason: ClosedReason, error: unknown): void {
    if (this.#failures.has(handle)) return;
    this.#failures.set(handle, { reason, error });
    this.#open += 1;
  }

  /** As `fail`, with the error of an errno. */
  failWith(handle: Handle, errno: number, syscall: string): void {
    this.fail(handle, 'failed', new Unmade(errno, syscall));
  }

  /** A handle is closed. @returns why, `otherwise` if nothing went wrong */
  closed(handle: Handle, otherwise: ClosedReason): ClosedReason {
    const failure = this.#open > 0 ? this.#failures.get(handle) : undefined;
    if (failure === undefined) return otherwise;
    this.#open -= 1;
    return failure.reason;
  }

  errorOf(handle: Handle): unknown {
    const failure = this.#failures.get(handle);
    if (!(failure?.error instanceof Unmade)) return failure?.error;
    const error = systemError(failure.error.errno, failure.error.syscall);
    this.#failures.set(handle, { reason: failure.reason, error });
    return error;
  }
}
