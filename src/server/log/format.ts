import { escapeClassic, escapeLine } from './escape.js';

/** 0 error, 1 warning, 2 notice, 3 information, 4 debugging. */
export const SEVERITIES = ['error', 'warning', 'notice', 'info', 'debug'] as const;

/**
 * `classic`: the text and nothing else, as Net::Server writes it. `text`: time, severity and process id before it, always one line.
 * `json`: one object per line, in ASCII.
 */
export type LogFormat = 'classic' | 'text' | 'json';

/** `YYYY/MM/DD-HH:MM:SS` in local time: Net::Server `log_time`. */
export function logTime(date = new Date()): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`;
  return `${day}-${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A message of the server that begins with `logTime` is not to be told the time twice. */
const LOG_TIME = /^\d{4}\/\d\d\/\d\d-\d\d:\d\d:\d\d /;

/**
 * What is written for a message, without the end of the line.
 * @param level 0 … 4
 * @param text one newline at its end is left out
 * @param stamped whether time and severity are added elsewhere
 */
export function formatMessage(format: LogFormat, level: number, text: string, stamped = false, date = new Date()): string {
  const message = text.endsWith('\n') ? text.slice(0, -1) : text;
  if (format === 'classic') return escapeClassic(message);
  const severity = SEVERITIES[level] ?? 'debug';
  const untimed = message.replace(LOG_TIME, '');
  if (format === 'json') return asciiJson({ time: date.toISOString(), level, severity, pid: process.pid, message: untimed });
  return stamped ? escapeLine(untimed) : `${date.toISOString()} ${severity} [${process.pid}] ${escapeLine(untimed)}`;
}

/** JSON alone escapes neither DEL, the C1 controls, the line separators of Unicode nor what turns the direction of writing. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
