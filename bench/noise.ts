/** How much of the processors somebody else had while a measurement ran. */
import { readFileSync } from 'node:fs';
import { NS_PER_TICK } from './process-figures.js';
import { type Quantity, quantity } from './statistics.js';

/** Above it a round is noisy. The bench itself and the kernel's own threads stay below 3 %. */
export const FOREIGN_LIMIT_PERCENT = 10;

/** Two identical contestants that differ by more in a round: noisy. On a virtual machine with neighbours 1.28 is an ordinary day. */
export const PAIR_LIMIT = 1.35;

interface Reading {
  readonly atNs: number;
  /** Time in which the processors did something, or would have if the hypervisor had let them. */
  readonly busyNs: number;
}

/** Watches processors from its construction on. */
export class ProcessorWatch {
  /** As /proc/stat names them. */
  private readonly names: readonly string[];
  private readonly first: Reading;

  /** @param processors none when there is no pinning, so that nobody can tell who belongs where: then nothing is foreign */
  constructor(processors: readonly (number | undefined)[]) {
    this.names = processors.flatMap((number) => (number === undefined ? [] : [`cpu${number}`]));
    this.first = read(this.names);
  }

  /** @param ownNs CPU time of those that were meant to run there */
  foreignPercent(ownNs: number): Quantity {
    const { atNs, busyNs } = read(this.names);
    const capacityNs = (atNs - this.first.atNs) * Math.max(1, this.names.length);
    return quantity(Math.max(0, (100 * (busyNs - this.first.busyNs - ownNs)) / capacityNs), 1, '%');
  }
}

function read(names: readonly string[]): Reading {
  let ticks = 0;
  for (const line of readFileSync('/proc/stat', 'latin1').split('\n')) {
    const [name = '', ...fields] = line.split(/\s+/);
    if (!names.includes(name)) continue;
    const [user = 0, nice = 0, system = 0, , , interrupts = 0, soft = 0, stolen = 0] = fields.map(Number);
    ticks += user + nice + system + interrupts + soft + stolen;
  }
  return { atNs: Number(process.hrtime.bigint()), busyNs: ticks * NS_PER_TICK };
}
