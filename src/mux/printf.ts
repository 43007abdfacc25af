import { NetmuxTypeError } from '../errors.js';

/** `%`, index, flags, width, precision, size (which means nothing here), conversion. */
const DIRECTIVE = /%(?:(\d+)\$)?([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?(?:hh|h|ll|[lqLVzt])?([a-zA-Z%])/g;

/** A width that comes from outside must not fill the memory. */
const MAX_WIDTH = 65_536;

/** `toFixed` and its like take no more. */
const MAX_PRECISION = 100;

/** From here on `toFixed` would write an exponent. */
const EXPONENT_FROM = 1e21;

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

/**
 * Perl's `sprintf`: `%s %c %d %i %u %o %x %X %b %B %e %E %f %F %g %G %%` with flags, width, precision, `*` and `%2$s`. Integers may be
 * of any size (`bigint`). A missing value is empty or 0; one that is no number counts as 0; an unknown conversion stays as it is.
 *
 * @throws NetmuxTypeError for a width beyond 65,536
 */
export function printf(format: string, ...values: readonly unknown[]): string {
  let next = 0;
  const take = () => values[next++];
  return format.replace(DIRECTIVE, (whole, index: string, flags: string, width: string, precision: string, conversion: string) => {
    if (conversion === '%') return '%';
    const convert = CONVERSIONS[conversion];
    if (convert === undefined) return whole;
    let columns = width === '*' ? integer(take()) : Number(width ?? 0);
    let signs = flags;
    if (columns < 0) {
      signs += '-';
      columns = -columns;
    }
    if (columns > MAX_WIDTH) throw new NetmuxTypeError(`printf: a width of ${columns} is more than ${MAX_WIDTH}`);
    const digits = precision === undefined ? undefined : precision === '*' ? integer(take()) : Number(precision);
    const value = index === undefined ? take() : values[Number(index) - 1];
    const directive = { flags: signs, width: columns, precision: digits !== undefined && digits < 0 ? undefined : digits };
    return convert(value, directive);
  });
}

const CONVERSIONS: Record<string, (value: unknown, directive: Directive) => string> = {
  s: (value, directive) => padded('', text(value).slice(0, directive.precision), directive, true),
  c: (value, directive) => padded('', String.fromCodePoint(codePoint(value)), directive, true),
  d: signedInteger,
  i: signedInteger,
  u: (value, directive) => wholeNumber(unsigned(value), 10, '', directive),
  o: (value, directive) => wholeNumber(unsigned(value), 8, '0', directive),
  x: (value, directive) => wholeNumber(unsigned(value), 16, '0x', directive),
  X: (value, directive) => wholeNumber(unsigned(value), 16, '0x', directive).toUpperCase(),
  b: (value, directive) => wholeNumber(unsigned(value), 2, '0b', directive),
  B: (value, directive) => wholeNumber(unsigned(value), 2, '0B', directive),
  e: (value, directive) => real(value, directive, (number, digits) => exponential(number, digits)),
  E: (value, directive) => CONVERSIONS.e!(value, directive).toUpperCase(),
  f: (value, directive) => real(value, directive, (number, digits) => fixed(number, digits)),
  F: (value, directive) => CONVERSIONS.f!(value, directive),
  g: (value, directive) => real(value, directive, (number, digits) => general(number, digits, directive.flags.includes('#'))),
  G: (value, directive) => CONVERSIONS.g!(value, directive).toUpperCase(),
};

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

function integer(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? number : 0;
}

function codePoint(value: unknown): number {
  const code = integer(value);
  return code >= 0 && code <= 0x10ffff ? code : 0xfffd;
}

function big(value: unknown): bigint {
  return typeof value === 'bigint' ? value : BigInt(integer(value));
}

/** A negative number in the two's complement of 64 bits. */
function unsigned(value: unknown): bigint {
  const number = big(value);
  return number < 0n ? BigInt.asUintN(64, number) : number;
}

function signOf(negative: boolean, flags: string): string {
  if (negative) return '-';
  return flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
}

function signedInteger(value: unknown, directive: Directive): string {
  const number = big(value);
  const digits = (number < 0n ? -number : number).toString().padStart(directive.precision ?? 0, '0');
  return padded(signOf(number < 0n, directive.flags), digits, directive, directive.precision === undefined);
}

function wholeNumber(number: bigint, radix: number, prefix: string, directive: Directive): string {
  const digits = number.toString(radix).padStart(directive.precision ?? 0, '0');
  const shown = directive.flags.includes('#') && number !== 0n ? prefix : '';
  return padded(shown, digits, directive, directive.precision === undefined);
}

function real(value: unknown, directive: Directive, show: (magnitude: number, digits: number) => string): string {
  const number = Number(value);
  const known = Number.isNaN(number) && typeof value !== 'number' ? 0 : number;
  const sign = signOf(known < 0 || Object.is(known, -0), directive.flags);
  if (!Number.isFinite(known)) return padded(Number.isNaN(known) ? '' : sign, Number.isNaN(known) ? 'NaN' : 'Inf', directive, false);
  const shown = show(Math.abs(known), Math.min(directive.precision ?? 6, MAX_PRECISION));
  const pointed = directive.flags.includes('#') && !shown.includes('.') ? shown.replace(/(?=e|$)/, '.') : shown;
  return padded(sign, pointed, directive, true);
}

/** All decimal digits of a number; those of fractions that are too small to be half of anything shown are cut off. */
function exactDigits(number: number): string {
  return number < EXPONENT_FROM ? number.toFixed(MAX_PRECISION) : `${BigInt(number)}.0`;
}

/** Whether what is cut off is exactly one half, so that the even neighbour is to be shown, as C does: JavaScript rounds it up. */
function staysEven(kept: string, cut: string): boolean {
  return /^50*$/.test(cut) && /[02468]$/.test(kept);
}

function fixed(number: number, digits: number): string {
  const exact = exactDigits(number);
  const end = exact.indexOf('.') + 1 + digits;
  const kept = exact.slice(0, digits === 0 ? end - 1 : end);
  if (number >= EXPONENT_FROM) return digits === 0 ? kept : kept.padEnd(end, '0');
  return staysEven(kept, exact.slice(end)) ? kept : number.toFixed(digits);
}

/** C writes at least two digits of the exponent. */
function exponential(number: number, digits: number): string {
  const [mantissa, exponent] = number.toExponential(digits).split('e') as [string, string];
  const exact = exactDigits(number).replace('.', '').replace(/^0+/, '');
  const kept = exact.slice(0, digits + 1);
  const shown = staysEven(kept, exact.slice(digits + 1)) ? kept[0] + (digits === 0 ? '' : `.${kept.slice(1)}`) : mantissa;
  return `${shown}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

function general(number: number, digits: number, keepZeros: boolean): string {
  const significant = digits === 0 ? 1 : digits;
  const scientific = exponential(number, significant - 1);
  const exponent = Number(scientific.split('e')[1]);
  const shown = exponent < -4 || exponent >= significant ? scientific : fixed(number, Math.min(significant - 1 - exponent, MAX_PRECISION));
  return keepZeros ? shown : shown.replace(/(\.\d*?)0+(e|$)/, '$1$2').replace(/\.(e|$)/, '$1');
}

function padded(prefix: string, body: string, { flags, width }: Directive, zeros: boolean): string {
  const missing = width - prefix.length - body.length;
  if (missing <= 0) return prefix + body;
  if (flags.includes('-')) return prefix + body + ' '.repeat(missing);
  if (flags.includes('0') && zeros) return prefix + '0'.repeat(missing) + body;
  return ' '.repeat(missing) + prefix + body;
}
