import { parseArgs } from 'node:util';
import { type Check, capacityOf, checksOf } from './checks.js';
import { CommandFailure, FAILED, MISUSED } from './failure.js';
import { type Machine, readMachine } from './machine.js';
import { print } from './print.js';
import { packageVersion } from './version.js';

/** Who takes the trouble to ask wants some thousands. */
const DEFAULT_CONNECTIONS = 10_000;

/** More than a machine can have addresses and ports for. */
const MOST_CONNECTIONS = 100_000_000;

/** Longer lines are hard to read. */
const WIDTH = 100;

const NAME_COLUMN = 6;
const TEXT_COLUMN = 38;

const MARKS = { ok: 'ok', low: 'LOW', warning: 'warn' } as const;

/** What is said about a machine, also as JSON. */
interface Report {
  readonly netmux: string;
  readonly machine: Machine;
  readonly wanted: number;
  readonly carries: number;
  /** The check whose limit is reached first. */
  readonly limit: string | undefined;
  readonly fit: boolean;
  readonly checks: readonly Check[];
}

/**
 * `netmux doctor`: looks whether this machine is fit for so many connections of one process, and says what to change. The exit
 * status is 1 if it is not.
 * @throws CommandFailure
 */
export function doctor(words: readonly string[]): void {
  const { wanted, json } = readWords(words);
  const machine = machineHere();
  const checks = checksOf(machine, wanted);
  const { connections: carries, limit } = capacityOf(checks);
  const report: Report = { netmux: packageVersion(), machine, wanted, carries, limit, fit: carries >= wanted, checks };
  print(json ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report));
  if (!report.fit) process.exitCode = FAILED;
}

function readWords(words: readonly string[]): { readonly wanted: number; readonly json: boolean } {
  const options = { connections: { type: 'string' }, json: { type: 'boolean' } } as const;
  let values: { readonly connections?: string; readonly json?: boolean };
  try {
    ({ values } = parseArgs({ args: [...words], options }));
  } catch (error) {
    throw new CommandFailure(MISUSED, `doctor: ${(error as Error).message.split('. ', 1)[0]}`);
  }
  const { connections = String(DEFAULT_CONNECTIONS), json = false } = values;
  const wanted = /^\d+$/.test(connections) ? Number(connections) : 0;
  if (wanted < 1 || wanted > MOST_CONNECTIONS) {
    throw new CommandFailure(MISUSED, `doctor: --connections=${connections}: must be a whole number from 1 to ${MOST_CONNECTIONS}`);
  }
  return { wanted, json };
}

function machineHere(): Machine {
  try {
    return readMachine();
  } catch (error) {
    throw new CommandFailure(FAILED, (error as Error).message);
  }
}

function reportText({ netmux, machine, wanted, carries, limit, fit, checks }: Report): string {
  const lines = [
    `netmux ${netmux} on ${machine.platform}-${machine.arch} ${machine.kernel}: fit for ${count(wanted)} connections of one process?`,
    '',
  ];
  for (const check of checks) lines.push(...checkLines(check));
  lines.push('', `As it stands it carries ${count(carries)} connections; ${limit} is the limit that is reached first.`);
  lines.push(fit ? `It is fit for ${count(wanted)}.` : `It is not fit for ${count(wanted)}: see what is marked ${MARKS.low}.`);
  return `${lines.join('\n')}\n`;
}

function checkLines({ name, verdict, found, carries, why, change = [] }: Check): string[] {
  const room = carries === undefined ? '' : `: ${count(carries)} connections`;
  const lines = [`${MARKS[verdict].padEnd(NAME_COLUMN)}${name.padEnd(TEXT_COLUMN - NAME_COLUMN)}${found}${room}`];
  if (verdict === 'ok') return lines;
  lines.push(...wrapped(why));
  for (const { where, lines: typed } of change) {
    lines.push(...wrapped(typed.length === 0 ? where : `${where}:`));
    for (const line of typed) lines.push(`${' '.repeat(NAME_COLUMN + 4)}${line}`);
  }
  return lines;
}

function wrapped(text: string): string[] {
  const indent = ' '.repeat(NAME_COLUMN);
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line];
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
