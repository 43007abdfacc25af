import { NetmuxError } from '../../errors.js';

/**
 * Keeps text that somebody else chose from looking like a log line of ours, or from speaking to the terminal that shows it. All
 * of it is written as `%HH`, one for each byte. A literal `%` stays: the escapes are for the eye, they are not meant to be undone.
 */

const NOT_PRINTABLE_ASCII = /[^ -~]/gu;
const NOT_PRINTABLE_ASCII_NOR_NEWLINE = /[^\n -~]/gu;
/** Control, format (also those that turn the direction of writing), private and unassigned characters; all blanks but the usual one. */
const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** Characters up to U+00FF stand for one byte, as in Perl, so that a `latin1` text shows its bytes; others are written in UTF-8. */
function asBytes(character: string): string {
  const code = character.codePointAt(0)!;
  return escaped(code <= 0xff ? [code] : Buffer.from(character));
}

function asUtf8(character: string): string {
  return escaped(Buffer.from(character));
}

function escaped(bytes: Iterable<number>): string {
  let text = '';
  for (const byte of bytes) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text;
}

/**
 * A value that a peer chose, in whole or in part (what it sent, its name in the DNS), as text for a log line: nothing in it
 * ends the line.
 */
export function peerText(value: unknown): string {
  return String(value).replace(NOT_PRINTABLE_ASCII, asBytes);
}

/** For the classic format: newlines stay, since the message may have lines. */
export function escapeClassic(text: string): string {
  return text.replace(NOT_PRINTABLE_ASCII_NOR_NEWLINE, asBytes);
}

/** For one line of text in UTF-8: what can be read in any language stays. */
export function escapeLine(text: string): string {
  return text.replace(NOT_PRINTABLE, asUtf8);
}

/**
 * An exception for the log. Its message is escaped, since messages tend to quote what a peer sent; the lines of its stack, which
 * only the program chose, stay lines.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return peerText(error);
  const { stack, message } = error;
  const head = peerText(message === '' ? error.name : `${error.name}: ${message}`);
  const at = typeof stack === 'string' ? framesAt(stack, message) : -1;
  return at < 0 ? head : `${head}\n${stack!.slice(at)}`;
}

/** As `errorText`, but of errors of the library and of the system the message alone: where in netmux they were made says nothing. */
export function complaintText(error: unknown): string {
  const isOurs = error instanceof NetmuxError || (error instanceof Error && 'syscall' in error);
  return isOurs ? peerText(error.message) : errorText(error);
}

/** Where the frames begin. A message may contain lines that look like frames: they are looked for behind it. */
function framesAt(stack: string, message: string): number {
  const behind = message === '' ? 0 : stack.indexOf(message);
  if (behind < 0) return -1;
  const newline = stack.indexOf('\n', behind + message.length);
  return newline < 0 || !/^ {4}at /.test(stack.slice(newline + 1, newline + 8)) ? -1 : newline + 1;
}
