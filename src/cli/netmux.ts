#!/usr/bin/env node
/** The `netmux` command: runs the server that a module exports, or looks at the machine. */
import { resolve } from 'node:path';
import { needFile } from '../server/daemon/own-command.js';
import { runProgram, servableFrom } from '../server/serve.js';
import { doctor } from './doctor.js';
import { CommandFailure, FAILED, MISUSED } from './failure.js';
import { complaint, loadDefaultExport } from './load-module.js';
import { print } from './print.js';
import { serverHelp } from './server-help.js';
import { packageVersion } from './version.js';

const USAGE = `usage: netmux MODULE [OPTION]... [WORD]...
       netmux doctor [--connections=NUMBER] [--json]
       netmux --help | --version

MODULE is a file whose default export is a class of servers, a server, or an object for
serve(). All that stands behind it is the server's own command line:

  netmux ./chat.js --port 7000 --conf_file chat.conf --background --pid_file chat.pid

  netmux MODULE --help  lists the options of that server
  netmux doctor         looks whether this machine is fit for many connections, and says
                        what to change; the exit code is 1 if it is not

What exists as a command and as a file is the command: the file is ./doctor.
`;

command(process.argv.slice(2)).catch((error: Error) => {
  if (!(error instanceof CommandFailure)) throw error;
  // What the module has started meanwhile, a server of its own perhaps, ends with the command.
  process.stderr.write(`netmux: ${error.message}\n`, () => process.exit(error.status));
});

async function command([name, ...words]: readonly string[]): Promise<void> {
  if (name === '--help' || name === '-h' || (name === 'doctor' && asksForHelp(words))) print(USAGE);
  else if (name === '--version' || name === '-v') print(`${packageVersion()}\n`);
  else if (name === 'doctor') doctor(words);
  else if (name === undefined || name === '') throw new CommandFailure(MISUSED, 'which module? (netmux --help)');
  else if (name.startsWith('-')) throw new CommandFailure(MISUSED, `${name}: options of a server stand behind its module (netmux --help)`);
  else await runModule(name, words);
}

async function runModule(name: string, words: readonly string[]): Promise<void> {
  const path = resolve(name);
  needFile(path);
  const exported = await loadDefaultExport(path, name);
  if (exported === undefined) {
    throw new CommandFailure(FAILED, `${name}: there is no default export: a class of servers, a server, or an object for serve()`);
  }
  const servable = servableOf(exported, name);
  if (asksForHelp(words)) print(serverHelp(name, servable));
  else await runProgram(servable, { argv: words }).catch(() => {}); // it was told
}

function servableOf(exported: unknown, name: string) {
  let servable: ReturnType<typeof servableFrom>;
  try {
    servable = servableFrom(exported);
  } catch (error) {
    throw new CommandFailure(FAILED, `${name}: the server cannot be made: ${complaint(error)}`);
  }
  if (servable !== undefined) return servable;
  throw new CommandFailure(
    FAILED,
    `${name}: the default export is no class of servers, no server, and no object with callbacks for serve(), but ${kindOf(exported)}`,
  );
}

function kindOf(exported: unknown): string {
  if (exported === null || Array.isArray(exported)) return exported === null ? 'null' : 'a list';
  if (typeof exported === 'function') return /^class\b/.test(String(exported)) ? 'another class' : 'a function';
  return typeof exported === 'object' ? 'another object' : `a ${typeof exported}`;
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end < 0 ? undefined : end).includes('--help');
}
