/** How messages become lines: the three formats, and what peers can do to them. */
import { describe, expect, it } from 'vitest';
import { errorText, peerText } from '../../src/server/log/escape.js';
import { formatMessage, logTime } from '../../src/server/log/format.js';

const NOON = new Date(2026, 2, 4, 12, 5, 9, 78);

describe('the classic format', () => {
  it('escapes all but newlines and printable ASCII, and drops one newline at the end (S15)', () => {
    expect(formatMessage('classic', 2, 'a\tb\xe9%c\nsecond\n')).toBe('a%09b%E9%c\nsecond');
    expect(formatMessage('classic', 2, 'two\n\n')).toBe('two\n');
    expect(formatMessage('classic', 2, '\r\x00\x7f~ ')).toBe('%0D%00%7F~ ');
  });

  it('writes characters above U+00FF as the bytes of their UTF-8', () => {
    expect(formatMessage('classic', 2, '☺ 😀 \ud800')).toBe('%E2%98%BA %F0%9F%98%80 %EF%BF%BD');
  });

  it('adds neither time nor level', () => {
    expect(formatMessage('classic', 0, '2026/03/04-12:05:09 Server closing!')).toBe('2026/03/04-12:05:09 Server closing!');
  });
});

describe('the text format', () => {
  it('is one line with time, severity and process id', () => {
    expect(formatMessage('text', 1, 'first\nsecond\r\n', false, NOON)).toBe(
      `${NOON.toISOString()} warning [${process.pid}] first%0Asecond%0D`,
    );
  });

  it('does not tell the time twice', () => {
    expect(formatMessage('text', 2, '2026/03/04-12:05:09 Server closing!', false, NOON)).toBe(
      `${NOON.toISOString()} notice [${process.pid}] Server closing!`,
    );
  });

  it('leaves letters of all languages readable, and escapes what only looks like an end or moves the cursor', () => {
    const escapes = ['\u2028', '\u2029', '\u0085', '\u009b2J', '\x1b[2J', '\u202e', '\u00a0', '\ufeff'];
    for (const text of escapes) expect(formatMessage('text', 4, `é世${text}`, true)).toMatch(/^é世(%[0-9A-F]{2})+(\[?2J)?$/);
  });
});

describe('the JSON format', () => {
  it('is one object of ASCII per line, from which the text comes back whole', () => {
    const text = 'first\nsecond " \\ \u0085\u2028\u202e\x1b[2J é 😀';
    const line = formatMessage('json', 3, text, false, NOON);
    expect(line).toMatch(/^[ -~]+$/);
    expect(JSON.parse(line)).toEqual({ time: NOON.toISOString(), level: 3, severity: 'info', pid: process.pid, message: text });
  });
});

describe('what a peer chose', () => {
  const forged = 'bob\n2026/03/04-12:05:09 CONNECT TCP Peer: "[10.0.0.1]:1"\r\n';

  it('ends no line, in no format', () => {
    const text = `hello ${peerText(forged)}`;
    for (const format of ['classic', 'text', 'json'] as const) expect(formatMessage(format, 3, text)).not.toMatch(/[\r\n]/);
    expect(formatMessage('classic', 3, text)).toBe('hello bob%0A2026/03/04-12:05:09 CONNECT TCP Peer: "[10.0.0.1]:1"%0D%0A');
  });

  it('may be anything that has a text', () => {
    expect([peerText(7), peerText(undefined), peerText(Buffer.from('a\nb'))]).toEqual(['7', 'undefined', 'a%0Ab']);
  });
});

describe('an exception', () => {
  it('keeps the lines of its stack, and no others', () => {
    const lines = errorText(new RangeError('no such command: x\n    at forged (evil.js:1:1)')).split('\n');
    expect(lines[0]).toBe('RangeError: no such command: x%0A    at forged (evil.js:1:1)');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines.slice(1)) expect(line).toMatch(/^ {4}at (?!forged)/);
  });

  it.each([
    ['without a stack', Object.assign(new Error('a\nb'), { stack: undefined }), 'Error: a%0Ab'],
    ['whose message was changed after it was made', changedMessage('first', 'x\ny'), 'Error: x%0Ay'],
    ['with a stack of its own', Object.assign(new Error('a'), { stack: 'Error: a\nforged line' }), 'Error: a'],
    ['that is no Error', 'thrown\ntext', 'thrown%0Atext'],
  ])('%s is one line', (_which, error, line) => {
    expect(errorText(error)).toBe(line);
  });
});

it('log_time is local time in the form of Net::Server', () => {
  expect(logTime(NOON)).toBe('2026/03/04-12:05:09');
});

/** An error whose stack tells another message than its own. */
function changedMessage(first: string, second: string): Error {
  const error = new Error(first);
  return Object.assign(error, { stack: `Error: ${first}\n    at place (file.js:1:1)`, message: second });
}
