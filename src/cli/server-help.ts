import { NetmuxError } from '../errors.js';
import { helpText } from '../server/options/help.js';
import type { OptionRow, OptionTable } from '../server/options/option-row.js';
import { tableWith } from '../server/options/sources.js';
import type { Servable } from '../server/serve.js';
import { CommandFailure, FAILED } from './failure.js';
import { complaint } from './load-module.js';

/**
 * What `--help` prints for a server: its own options and those of all servers, with the defaults that it has.
 * @param module the file, as it is typed
 * @throws CommandFailure where its own options are wrong
 */
export function serverHelp(module: string, { server, options }: Servable): string {
  try {
    const defaults = { port: server.default_port(), ...server.default_values(), handle_signals: true, ...options };
    return helpText(`netmux ${module}`, withDefaults(tableWith(server.options()), defaults));
  } catch (error) {
    throw new CommandFailure(FAILED, `${module}: ${error instanceof NetmuxError ? error.message : complaint(error)}`);
  }
}

function withDefaults(table: OptionTable, defaults: Readonly<Record<string, unknown>>): OptionTable {
  const own = (name: string, row: OptionRow): OptionRow => {
    const value = defaults[name];
    if (value === undefined || [value].flat().some((item) => typeof item === 'object' || typeof item === 'function')) return row;
    const { otherwise: _, ...rest } = row;
    return { ...rest, default: row.type === 'mode' && typeof value === 'number' ? value.toString(8) : value };
  };
  return Object.fromEntries(Object.entries(table).map(([name, row]) => [name, own(name, row)]));
}
