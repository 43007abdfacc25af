/** 32-bit words of the longest address. */
export const MAX_ADDRESS_WORDS = 4;

/** 32-bit words of an address, by its family. */
export const ADDRESS_WORDS = { 4: 1, 6: MAX_ADDRESS_WORDS } as const;

const DOT = 0x2e;
const COLON = 0x3a;
const DIGIT_ZERO = 0x30;

const GROUPS = 8;

/** By character code; −1 for what is no digit. */
const HEX_DIGITS = Int8Array.from({ length: 128 }, (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()));

/** The 16-bit groups of the address that is being read: reading allocates nothing. */
const groups = new Uint16Array(GROUPS);

/**
 * Reads the text of an address into 32-bit words, the most significant first. An IPv4 address in the clothes of IPv6
 * (`::ffff:10.0.0.1`) is read as IPv4; the zone of a link-local address (`%eth0`) is passed over.
 *
 * @param words at least `MAX_ADDRESS_WORDS` long; of use only where there was an address
 * @returns the family, or 0 for what is no address
 */
export function readAddress(text: string, words: Uint32Array): 0 | 4 | 6 {
  const ipv4 = readIPv4(text, 0, text.length);
  if (ipv4 !== -1) {
    words[0] = ipv4;
    return 4;
  }
  if (!readIPv6(text)) return 0;
  for (let word = 0; word < MAX_ADDRESS_WORDS; word += 1) words[word] = groups[2 * word]! * 0x10000 + groups[2 * word + 1]!;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[0] = words[3]!;
  return 4;
}

/** Four decimal numbers without leading zeros as one of 32 bits; −1 for anything else. */
function readIPv4(text: string, start: number, end: number): number {
  let address = 0;
  let dots = 0;
  let value = -1;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (value === -1 || dots === 3) return -1;
      address = address * 256 + value;
      dots += 1;
      value = -1;
      continue;
    }
    const digit = code - DIGIT_ZERO;
    if (digit < 0 || digit > 9 || value === 0) return -1;
    value = value === -1 ? digit : value * 10 + digit;
    if (value > 255) return -1;
  }
  return dots === 3 && value !== -1 ? address * 256 + value : -1;
}

/** Up to eight groups of up to four hexadecimal digits, `::` for one run of zeros, the last two perhaps as IPv4. */
function readIPv6(text: string): boolean {
  const zone = text.indexOf('%');
  const end = zone === -1 ? text.length : zone;
  if (end < 2 || zone === text.length - 1) return false;
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (count === GROUPS) return false;
    const start = at;
    let value = 0;
    let code = COLON;
    // Never a look behind the end: that would make numbers of another kind of all codes, and reading four times as slow.
    for (; at < end; at += 1) {
      code = text.charCodeAt(at);
      const digit = code < HEX_DIGITS.length ? HEX_DIGITS[code]! : -1;
      if (digit === -1) break;
      value = value * 16 + digit;
    }
    if (at === start || at - start > 4) return false;
    if (at < end && code === DOT) {
      const tail = readIPv4(text, start, end);
      if (tail === -1 || count > GROUPS - 2) return false;
      groups[count] = tail >>> 16;
      groups[count + 1] = tail;
      count += 2;
      break;
    }
    groups[count] = value;
    count += 1;
    if (at === end) break;
    at += 1;
    if (code !== COLON || at === end) return false;
    if (text.charCodeAt(at) === COLON) {
      if (gap !== -1) return false;
      gap = count;
      at += 1;
    }
  }
  if (gap === -1) return count === GROUPS;
  if (count === GROUPS) return false;
  groups.copyWithin(GROUPS - count + gap, gap, count);
  groups.fill(0, gap, GROUPS - count + gap);
  return true;
}
