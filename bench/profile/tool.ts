/** What a tool is that looks at a server at work. */
import type { Command } from '../server-process.js';

/** Where one profile of one server goes. */
export interface Place {
  /** Path without an ending. */
  readonly stem: string;
  /** Whether the server is JavaScript on Node, which takes options. */
  readonly isNode: boolean;
}

/** One tool at work on one server. */
export interface Profile {
  /** What the load is before and while the tool looks. */
  readonly warmupMs: number;
  /** What must have been answered before it looks, where time alone does not tell. */
  readonly warmupMessages?: number;
  readonly durationMs: number;
  command(command: Command): Command;
  begin(pid: number): Promise<void>;
  /** The server still runs. */
  end(pid: number): Promise<void>;
  /**
   * The server has ended.
   * @returns lines for the terminal, or in one line why there are none
   */
  report(messages: number): Promise<readonly string[]>;
}

/** A table of costs, the largest first. `digits` behind the point. */
export function costLines(costs: ReadonlyMap<string, number>, most: number, digits: number, unit: string): string[] {
  const sorted = [...costs].sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, most).map(([name, cost]) => [cost.toFixed(digits), name] as const);
  const width = Math.max(0, ...shown.map(([cost]) => cost.length));
  const rest = sorted.slice(most).reduce((sum, [, cost]) => sum + cost, 0);
  return [
    ...shown.map(([cost, name]) => `${cost.padStart(width)} ${unit}  ${name}`),
    ...(rest > 0 ? [`${rest.toFixed(digits).padStart(width)} ${unit}  in ${sorted.length - most} others`] : []),
  ];
}
