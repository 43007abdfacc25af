/** Axes: which values are marked, where they lie, and how they are written. */

export interface Scale {
  readonly ticks: readonly number[];
  /** 0 … 1 along the axis. */
  place(value: number): number;
}

/** Steps between marks, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10];
const MOST_TICKS = 6;

/** From zero: a bar or a line whose axis begins elsewhere shows a larger difference than there is. */
export function linearScale(most: number): Scale {
  const end = most > 0 ? most : 1;
  const magnitude = 10 ** Math.floor(Math.log10(end / MOST_TICKS));
  const step = STEPS.map((factor) => factor * magnitude).find((candidate) => end / candidate <= MOST_TICKS)!;
  const last = Math.ceil(end / step - 1e-9);
  const ticks = Array.from({ length: last + 1 }, (_, i) => i * step);
  return { ticks, place: (value) => value / (last * step) };
}

/** Marks within a power of ten. */
const MARKS = [1, 2, 5];
const MANY_POWERS = 2;

/** From mark to mark, for values that differ by a large factor. Where they span many powers of ten, only these are marked. */
export function logarithmicScale(least: number, most: number): Scale {
  const powers = Array.from({ length: 40 }, (_, i) => 10 ** (i - 20));
  const marks = powers.flatMap((power) => MARKS.map((mark) => mark * power));
  const first = marks.findLast((mark) => mark <= least)!;
  const last = marks.find((mark) => mark >= most && mark > first)!;
  const inside = (mark: number): boolean => mark >= first && mark <= last;
  const isWide = last / first > 10 ** MANY_POWERS;
  const length = Math.log10(last / first);
  return { ticks: (isWide ? powers : marks).filter(inside), place: (value) => Math.log10(value / first) / length };
}

/** So many of them at equal distances. */
export function stepScale(count: number): (index: number) => number {
  return (index) => (index + 0.5) / count;
}

/** From where on a number is written with its letter: four digits are read more easily than 4.66 k. */
const UNITS = [
  { from: 1e9, size: 1e9, letter: ' G' },
  { from: 1e6, size: 1e6, letter: ' M' },
  { from: 1e4, size: 1e3, letter: ' k' },
] as const;

const SIGNIFICANT_DIGITS = 3;

/** Three digits: '0.95', '6.1', '1.37 M'. */
export function compactNumber(value: number): string {
  const { size, letter } = UNITS.find(({ from }) => Math.abs(value) >= from) ?? { size: 1, letter: '' };
  const short = Math.abs(value / size) >= 1000 ? Math.round(value / size) : Number((value / size).toPrecision(SIGNIFICANT_DIGITS));
  return short.toLocaleString('en-US', { maximumFractionDigits: SIGNIFICANT_DIGITS }) + letter;
}
