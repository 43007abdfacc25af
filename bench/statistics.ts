/** Medians and spreads. */

/** A figure over the rounds. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** By round. */
  readonly values: readonly number[];
}

/**
 * One measured value, kept as what was counted and what it is divided by: over several rounds such values can be pooled,
 * which is the only way to use those that are sampled coarsely.
 */
export interface Quantity {
  readonly amount: number;
  readonly per: number;
  /** Where no figure of the scenario names it. */
  readonly unit?: string;
}

export function quantity(amount: number, per = 1, unit?: string): Quantity {
  return unit === undefined ? { amount, per } : { amount, per, unit };
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}

/** @param values at least one */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values), values };
}

/** The spread of single rounds, but in place of their median all rounds taken together, each with its weight (1 unless given). */
export function pooled(parts: readonly { readonly value: number; readonly weight?: number }[]): Spread {
  const weight = parts.reduce((sum, part) => sum + (part.weight ?? 1), 0);
  const total = parts.reduce((sum, part) => sum + part.value * (part.weight ?? 1), 0);
  return { ...spread(parts.map(({ value }) => value)), median: total / weight };
}
