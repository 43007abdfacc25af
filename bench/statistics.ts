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
}

export function quantity(amount: number, per = 1): Quantity {
  return { amount, per };
}

/** @param values at least one */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)!, values };
}

/** The spread of single rounds, but in place of their median all rounds taken together. */
export function pooled(quantities: readonly Quantity[]): Spread {
  const amount = quantities.reduce((sum, one) => sum + one.amount, 0);
  const per = quantities.reduce((sum, one) => sum + one.per, 0);
  return { ...spread(quantities.map((one) => one.amount / one.per)), median: amount / per };
}
