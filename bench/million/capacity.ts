/** The table of docs/many-connections.md: what connections cost, by the runs of bench:million that are kept. */
import { bytesEach, kernelBytesEach, type MillionResult } from './result.js';

const ROWS = [10_000, 100_000, 1_000_000] as const;

const MEGABYTE = 1e6;

/** A run in which not all connections answered is no measurement. */
function isWhole({ connections, answered, faults }: MillionResult): boolean {
  return connections > 0 && answered === connections && faults.length === 0;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** The sum at so many connections, and what one of them costs. */
function cost(bytes: number, connections: number): string {
  return `${count((bytes * connections) / MEGABYTE)} MB (${count(bytes)} bytes each)`;
}

/** @returns a table in Markdown; a row is taken from the smallest run that had as many connections */
export function capacityPart(millions: readonly MillionResult[]): string {
  const runs = millions.filter(isWhole).sort((a, b) => a.connections - b.connections);
  const rows = ROWS.map((connections) => {
    const run = runs.find((candidate) => candidate.connections >= connections);
    if (run === undefined) return `| ${count(connections)} | not measured yet | not measured yet | |`;
    // Both ends of each connection were on that machine.
    const cells = [cost(bytesEach(run, 'open', 'resident'), connections), cost(kernelBytesEach(run) / 2, connections)];
    const { date, sources = 'without a commit', surroundings } = run;
    const origin = `${count(run.connections)} connections, all of which answered; netmux ${sources}, Linux ${surroundings.kernel}, ${date.slice(0, 10)}`;
    return `| ${[count(connections), ...cells, origin].join(' | ')} |`;
  });
  return ['| connections | netmux | kernel | measured with |', '| ---: | --- | --- | --- |', ...rows].join('\n');
}
