/** Times in milliseconds. */
export class Latencies {
  readonly values: number[] = [];

  quantile(share: number): number {
    const sorted = this.values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  }

  get p99(): number {
    return this.quantile(0.99);
  }

  get longest(): number {
    return this.quantile(1);
  }
}
