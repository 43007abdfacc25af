/** Strings in memory, by key, within a limit. */

/** Bytes of all keys and values together. Redis calls its limit maxmemory. */
const MAX_STORE_BYTES = 256 * 1024 * 1024;

/** About what an entry costs beside its bytes, so that many small values do not get past the limit. */
const ENTRY_BYTES = 128;

/** A whole number as Redis accepts it: no sign but minus, no leading zeros. */
const INTEGER = /^(0|-?[1-9]\d{0,18})$/;

/** A request that cannot be done; the message is the error that the client gets. */
export class Refusal extends Error {}

/** Keys are strings with one character for each byte; values are bytes. */
export class Store {
  private readonly values = new Map<string, Buffer>();
  private bytes = 0;

  get(key: string): Buffer | undefined {
    return this.values.get(key);
  }

  /** @param value is kept, not copied */
  set(key: string, value: Buffer): void {
    const bytes = this.bytes - this.cost(key) + key.length + value.length + ENTRY_BYTES;
    if (bytes > MAX_STORE_BYTES) throw new Refusal("OOM command not allowed when used memory > 'maxmemory'.");
    this.values.set(key, value);
    this.bytes = bytes;
  }

  /** @returns whether there was such a key */
  delete(key: string): boolean {
    this.bytes -= this.cost(key);
    return this.values.delete(key);
  }

  /** Adds 1 to a number, which is 0 where there is none. */
  increment(key: string): bigint {
    const text = this.values.get(key)?.toString('latin1') ?? '0';
    if (!INTEGER.test(text) || !isInt64(BigInt(text))) throw new Refusal('ERR value is not an integer or out of range');
    const next = BigInt(text) + 1n;
    if (!isInt64(next)) throw new Refusal('ERR increment or decrement would overflow');
    this.set(key, Buffer.from(next.toString(), 'latin1'));
    return next;
  }

  /** What a key and its value count for; 0 where there is none. */
  private cost(key: string): number {
    const value = this.values.get(key);
    return value === undefined ? 0 : key.length + value.length + ENTRY_BYTES;
  }
}

function isInt64(number: bigint): boolean {
  return BigInt.asIntN(64, number) === number;
}
